//! Files over HTTP.

use std::time::Duration;

use actix_web::{Either, HttpRequest, HttpResponse, http::header, web::Data};
use clowder_accounts::Staff;
use clowder_core::{Error, input::Opaque};
use clowder_media::{
    DirectUpload, File, FileFilter, FileId, FilePatch, FileQuota, FileStatus, FileUrl, Files, Format, NewDirectUpload,
    NewFileUrl, Purpose, Size, refusals::FILE_NOT_PUBLIC,
};
use tokio::time::timeout;

use super::{serving, uploading, waiting::told_when};
use crate::{
    answer::{Accepted, Created, Done, Listed, Shown},
    auth::Caller,
    call::{Json, MaybeJson, Path},
    front::suspended,
    problem::{Answer, Problem},
    public_url::{Cdn, PublicUrl},
    query::Query,
    refusals,
    upload::Form,
};

type Port = Data<dyn Files>;

/// How many octets are passed on at once. The store collects them, so more would only be more in memory.
pub const PIECE: usize = 64 << 10;
/// How long one upload, or a part of one, can take. The store forgets those that have not ended after a day.
pub const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// 201, or 202 if the file is examined first.
pub type Uploaded = Either<Created<File>, Accepted<File>>;

pub async fn upload(files: Port, Caller(ctx): Caller, mut query: Query, form: Form) -> Answer<Uploaded> {
    let purpose: Option<Purpose> = query.word("purpose");
    query.check()?;
    let arriving = uploading::arrive(&files, &ctx, purpose.unwrap_or_default(), form);
    let late = |_| Problem::new(refusals::BODY_SLOW).because("The file took too long to arrive");
    let file = timeout(LONGEST, arriving).await.map_err(late)??;
    Ok(match file.status {
        FileStatus::Scanning => Either::Right(Accepted(file)),
        _ => Either::Left(Created(file)),
    })
}

pub async fn begin_direct(
    files: Port,
    Caller(ctx): Caller,
    Json(new): Json<NewDirectUpload>,
) -> Answer<Created<DirectUpload>> {
    Ok(Created(files.begin_direct(&ctx, new).await.map_err(told_when)?))
}

pub async fn complete_direct(
    files: Port,
    Caller(ctx): Caller,
    Path(file): Path<FileId>,
) -> Answer<Either<Shown<File>, Accepted<File>>> {
    let file = files.complete_direct(&ctx, file).await?;
    Ok(match file.status {
        FileStatus::Scanning => Either::Right(Accepted(file)),
        _ => Either::Left(Shown(file)),
    })
}

pub async fn list(files: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<File>> {
    let page = query.page();
    let filter = FileFilter { purpose: query.word("purpose") };
    query.check()?;
    Ok(Listed(files.files(&ctx, filter, page).await?))
}

pub async fn quota(files: Port, Caller(ctx): Caller) -> Answer<Shown<FileQuota>> {
    Ok(Shown(files.file_quota(&ctx).await?))
}

pub async fn one(files: Port, Caller(ctx): Caller, Path(file): Path<FileId>) -> Answer<Shown<File>> {
    Ok(Shown(files.file(&ctx, file).await?))
}

pub async fn edit(
    files: Port,
    Caller(ctx): Caller,
    Path(file): Path<FileId>,
    Json(patch): Json<FilePatch>,
) -> Answer<Shown<File>> {
    Ok(Shown(files.edit_file(&ctx, file, patch).await?))
}

pub async fn delete(files: Port, Caller(ctx): Caller, Path(file): Path<FileId>) -> Answer<Done> {
    files.delete_file(&ctx, file).await?;
    Ok(Done)
}

pub async fn content(
    files: Port,
    Caller(ctx): Caller,
    Path(file): Path<FileId>,
    request: HttpRequest,
) -> Answer<HttpResponse> {
    let content = files.content(&ctx, file).await?;
    match content.purpose.is_picture() {
        // It is shown in every list, and as small as its thumbnails, which are cached in the same way.
        true => serving::serve_for_a_day(files.into_inner(), content, &request, "Authorization").await,
        false => serving::serve(files.into_inner(), content, &request).await,
    }
}

pub async fn thumbnail(
    files: Port,
    Caller(ctx): Caller,
    Path(file): Path<FileId>,
    mut query: Query,
    request: HttpRequest,
) -> Answer<HttpResponse> {
    let size: Option<Size> = query.word("size");
    query.check()?;
    let content = files.thumbnail(&ctx, file, size.unwrap_or_default(), wanted(&request)).await?;
    serving::serve_for_a_day(files.into_inner(), content, &request, "Accept, Authorization").await
}

/// WebP if the caller says that it takes that.
fn wanted(request: &HttpRequest) -> Format {
    let accepts = request.headers().get_all(header::ACCEPT).filter_map(|value| value.to_str().ok());
    match accepts.flat_map(|value| value.split(',')).any(takes_webp) {
        true => Format::WebP,
        false => Format::Jpeg,
    }
}

/// Whether one range of `Accept` (RFC 9110 §12.5.1) names WebP. `*/*` is what those say who know nothing of it.
fn takes_webp(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let named = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(Format::WebP.media_type()));
    let is_zero = |weight: &str| weight.parse::<f32>().is_ok_and(|weight| weight == 0.0);
    named && !parts.any(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")).is_some_and(is_zero))
}

pub async fn public(
    files: Port,
    cdn: Data<Cdn>,
    Caller(ctx): Caller,
    Path(file): Path<FileId>,
    mut query: Query,
    request: HttpRequest,
) -> Answer<HttpResponse> {
    let size: Option<Size> = query.word("size");
    query.check()?;
    if !cdn.0.is_set() {
        return Err(Error::from(FILE_NOT_PUBLIC).into());
    }
    let thumbnail = size.map(|size| (size, wanted(&request)));
    let content = files.public_picture(&ctx, file, thumbnail).await?;
    serving::serve_all(files.into_inner(), content, &request).await
}

pub async fn link(
    files: Port,
    public: Data<PublicUrl>,
    cdn: Data<Cdn>,
    Caller(ctx): Caller,
    Path(file): Path<FileId>,
    MaybeJson(new): MaybeJson<NewFileUrl>,
) -> Answer<Shown<FileUrl>> {
    let FileUrl { url, expires_at } = files.link_file(&ctx, file, new).await?;
    // One that is the same for everybody, so that it is in the cache.
    if cdn.0.is_set() && files.public_picture(&ctx, file, None).await.is_ok() {
        return Ok(Shown(FileUrl { url: format!("{}/api/files/{file}/public", cdn.0.base()), expires_at }));
    }
    // One of this server is a path.
    let url = if url.starts_with('/') { format!("{}{url}", public.base()) } else { url };
    Ok(Shown(FileUrl { url, expires_at }))
}

pub async fn download(
    files: Port,
    staff: Data<dyn Staff>,
    Caller(ctx): Caller,
    Path(file): Path<FileId>,
    mut query: Query,
    request: HttpRequest,
) -> Answer<HttpResponse> {
    let token = query.any_text("token", Opaque::MAX);
    query.check()?;
    let content = files.linked_content(&ctx, file, &token.unwrap_or_default()).await?;
    if let Some(suspension) = staff.standing(content.viewer, ctx.now).suspension {
        return Err(suspended(&suspension));
    }
    serving::serve(files.into_inner(), content, &request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webp_is_for_those_who_name_it() {
        for (range, takes) in [
            ("image/webp", true),
            (" Image/WebP;q=0.8", true),
            ("image/webp; q=0", false),
            ("image/webp;q=0.000", false),
            ("image/*", false),
            ("*/*", false),
            ("", false),
        ] {
            assert_eq!(takes_webp(range), takes, "{range}");
        }
    }
}
