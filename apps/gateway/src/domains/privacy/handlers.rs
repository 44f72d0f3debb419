//! Exports and erasures over HTTP.

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE},
    web::{Bytes, Data},
};
use clowder_accounts::{
    Privacy, Staff,
    model::{Download, Erasing, Erasure, Export, ExportId},
};
use clowder_core::{Error, Result, UserId, input::Opaque};
use futures_util::{Stream, stream};

use crate::{
    answer::{Done, Listed, Shown, Started},
    auth::Caller,
    call::{Json, Path},
    front::suspended,
    problem::{Answer, Problem},
    public_url::PublicUrl,
    query::Query,
};

type Port = Data<dyn Privacy>;
type Public = Data<PublicUrl>;

pub async fn export(privacy: Port, public: Public, Caller(ctx): Caller) -> Answer<Started<Export>> {
    let export = public.links(privacy.export(&ctx).await?);
    Ok(Started { status_at: format!("/api/users/me/exports/{}", export.id), job: export })
}

pub async fn exports(privacy: Port, public: Public, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Export>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(privacy.exports(&ctx, page).await?.map(|export| public.links(export))))
}

pub async fn one_export(
    privacy: Port,
    public: Public,
    Caller(ctx): Caller,
    Path(export): Path<ExportId>,
) -> Answer<Shown<Export>> {
    Ok(Shown(public.links(privacy.one_export(&ctx, export).await?)))
}

impl PublicUrl {
    /// The export with a link that clients can follow.
    fn links(&self, mut export: Export) -> Export {
        if let Some(url) = &mut export.url {
            url.insert_str(0, self.base());
        }
        export
    }
}

pub async fn download(
    privacy: Port,
    staff: Data<dyn Staff>,
    Caller(ctx): Caller,
    Path(export): Path<ExportId>,
    mut query: Query,
) -> Answer<HttpResponse> {
    let token = query.any_text("token", Opaque::MAX);
    query.check()?;
    let file = privacy.download(&ctx, export, &token.unwrap_or_default()).await?;
    if let Some(suspension) = staff.standing(file.user, ctx.now).suspension {
        return Err(suspended(&suspension));
    }
    let day: String = file.created_at.to_string().chars().take(10).collect();
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/zip"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"clowder-{day}.zip\"")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .no_chunking(file.size)
        .streaming(chunks(privacy, file)))
}

pub async fn erase(privacy: Port, Caller(ctx): Caller, Json(erasure): Json<Erasure>) -> Answer<Started<Erasing>> {
    Ok(Started { job: privacy.erase(&ctx, erasure).await?, status_at: "/api/users/me".to_owned() })
}

pub async fn undo_erasure(privacy: Port, Caller(ctx): Caller) -> Answer<Done> {
    privacy.undo_erasure(&ctx).await?;
    Ok(Done)
}

pub async fn erase_user(
    privacy: Port,
    Caller(ctx): Caller,
    Path(user): Path<UserId>,
    mut query: Query,
) -> Answer<Started<Erasing>> {
    let messages = query.word("messages");
    query.check()?;
    let erasing = privacy.erase_user(&ctx, user, messages).await?;
    Ok(Started { job: erasing, status_at: format!("/api/admin/users/{user}") })
}

/// A chunk is read after the previous one has been sent. If reading fails, or the account is erased meanwhile, the
/// response is shorter than announced, so that an incomplete file is recognisable.
fn chunks(privacy: Port, file: Download) -> impl Stream<Item = Result<Bytes>> {
    stream::unfold(Some((privacy, 0, file.size)), move |state| async move {
        let (privacy, number, left) = state?;
        if left == 0 {
            return None;
        }
        let piece = privacy.chunk(&file, number).await;
        match piece.and_then(|piece| piece.ok_or_else(|| Error::unavailable("a piece is gone"))) {
            Ok(piece) => {
                let left = left.saturating_sub(piece.len() as u64);
                Some((Ok(Bytes::from(piece)), Some((privacy, number + 1, left))))
            }
            Err(error) => {
                Problem::from(error.clone()).log("a download was cut off");
                Some((Err(error), None))
            }
        }
    })
}
