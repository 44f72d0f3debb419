//! Resumable uploads over HTTP: tus 1.0.0 with the extensions creation, creation-with-upload, expiration, termination and
//! checksum (<https://tus.io/protocols/resumable-upload>).

mod checksum;
mod headers;

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    web::{Bytes, Data},
};
use clowder_core::{Ctx, Error};
use clowder_media::{
    Appending, FileId, Files,
    purpose::MOST_OCTETS,
    refusals::FILE_BEYOND,
    resumable::{Appended, Next, Resumable},
};
use tokio::time::timeout;

use self::checksum::Checksum;
use super::{
    handlers::{LONGEST, PIECE},
    waiting::told_when,
};
use crate::{
    answer::Shown,
    auth::Caller,
    call::Path,
    problem::{Answer, Problem},
    public_url::PublicUrl,
    refusals,
    upload::Octets,
};

pub use self::headers::{
    ASKED_TO_APPEND, ASKED_TO_CREATE, ASKED_TO_END, OCTETS, SHOWN_OF_A_NEW_UPLOAD, SHOWN_OF_A_PART, SHOWN_OF_ALL,
    SHOWN_OF_AN_UPLOAD,
};

type Port = Data<dyn Files>;

/// What the server can do.
pub async fn options() -> Answer<HttpResponse> {
    Ok(HttpResponse::NoContent()
        .insert_header((headers::VERSIONS, headers::VERSION))
        .insert_header((headers::EXTENSIONS, headers::OFFERED))
        .insert_header((headers::CHECKSUMS, Checksum::NAMES.join(",")))
        .insert_header((headers::MAX_SIZE, MOST_OCTETS))
        .insert_header((header::ALLOW, "POST, OPTIONS"))
        .finish())
}

pub async fn create(
    files: Port,
    public: Data<PublicUrl>,
    Caller(ctx): Caller,
    request: HttpRequest,
    body: Octets,
) -> Answer<HttpResponse> {
    headers::expect_version(&request)?;
    let new = headers::new_upload(&request)?;
    let first = headers::has_body(&request).then(|| part_of(&request)).transpose()?;
    let mut upload = files.begin_resumable(&ctx, new).await?;
    let place = HeaderValue::try_from(format!("{}/api/files/resumable/{}", public.base(), upload.id));
    let place = place.map_err(|_| Problem::new(refusals::INTERNAL).fault("the address of an upload"))?;
    // The answer to a repeated call says how far it is by now, and the client goes on from there.
    if let Some(checksum) = first.filter(|_| upload.offset == 0) {
        // If the first part does not arrive, the upload is there nevertheless.
        let appended = append_to(&files, &ctx, &upload, 0, checksum, &request, body).await;
        upload = appended.map_err(|problem| problem.header(header::LOCATION, place.clone()))?.upload;
    }
    let mut answer = Shown(&upload).respond_to(&request);
    *answer.status_mut() = StatusCode::CREATED;
    answer.headers_mut().insert(header::LOCATION, place);
    Ok(described(answer, &upload))
}

/// Also answers HEAD, with the headers alone.
pub async fn read(
    files: Port,
    Caller(ctx): Caller,
    Path(file): Path<FileId>,
    request: HttpRequest,
) -> Answer<HttpResponse> {
    // Whoever may not see it learns nothing else.
    let upload = files.resumable(&ctx, file).await?;
    if *request.method() == Method::HEAD {
        headers::expect_version(&request)?;
    }
    let mut answer = Shown(&upload).respond_to(&request);
    let headers = answer.headers_mut();
    headers.insert(headers::LENGTH, HeaderValue::from(upload.length));
    if let Ok(metadata) = HeaderValue::try_from(headers::metadata_of(&upload)) {
        headers.insert(headers::METADATA, metadata);
    }
    Ok(described(answer, &upload))
}

pub async fn append(
    files: Port,
    Caller(ctx): Caller,
    Path(file): Path<FileId>,
    request: HttpRequest,
    body: Octets,
) -> Answer<HttpResponse> {
    let upload = files.resumable(&ctx, file).await?;
    headers::expect_version(&request)?;
    let checksum = part_of(&request)?;
    let offset = headers::offset(&request)?;
    let appended = append_to(&files, &ctx, &upload, offset, checksum, &request, body).await?;
    Ok(described(HttpResponse::NoContent().finish(), &appended.upload))
}

pub async fn end(
    files: Port,
    Caller(ctx): Caller,
    Path(file): Path<FileId>,
    request: HttpRequest,
) -> Answer<HttpResponse> {
    // Whoever may not see it learns nothing else.
    files.resumable(&ctx, file).await?;
    headers::expect_version(&request)?;
    files.end_resumable(&ctx, file).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What a part is compared with, if its type is that of a part.
fn part_of(request: &HttpRequest) -> Answer<Option<Checksum>> {
    headers::expect_octets(request)?;
    headers::checksum(request)
}

/// The body comes after this offset of an upload.
async fn append_to(
    files: &Port,
    ctx: &Ctx,
    upload: &Resumable,
    offset: u64,
    checksum: Option<Checksum>,
    request: &HttpRequest,
    mut body: Octets,
) -> Answer<Appended> {
    let next = Next { offset, whole: checksum.is_some() };
    let announced = headers::announced(request).unwrap_or(0);
    let (end, length) = (offset.saturating_add(announced), upload.length.unsigned_abs());
    if end > length && offset == upload.offset.unsigned_abs() {
        let detail = format!("`Upload-Length` is {length}, and this part would end at {end}");
        return Err(Error::explained(FILE_BEYOND, detail).into());
    }
    let mut part = files.continue_resumable(ctx, upload.id, next).await.map_err(told_when)?;
    receive(&mut *part, &mut body, checksum).await.finish(part).await
}

/// How a part ends.
enum Received {
    Whole,
    /// It does not match its checksum.
    Wrong,
    /// It ended early, for this reason; what has arrived is kept.
    Cut(Problem),
    /// It cannot be kept.
    Refused(Problem),
}

impl Received {
    async fn finish(self, part: Box<dyn Appending>) -> Answer<Appended> {
        match self {
            Self::Whole => Ok(part.finish().await?),
            Self::Wrong => {
                part.undo().await?;
                Err(refusals::CHECKSUM_MISMATCH.into())
            }
            Self::Cut(problem) => {
                if let Err(error) = part.finish().await {
                    Problem::from(error).log("what has arrived of an upload is not kept");
                }
                Err(problem)
            }
            Self::Refused(problem) => {
                if let Err(error) = part.undo().await {
                    Problem::from(error).log("a part of an upload ends by itself");
                }
                Err(problem)
            }
        }
    }
}

async fn receive(part: &mut dyn Appending, body: &mut Octets, mut checksum: Option<Checksum>) -> Received {
    let whole = checksum.is_some();
    let passed = timeout(LONGEST, async {
        while let Some(mut chunk) = body.next().await.map_err(Received::Cut)? {
            if let Some(checksum) = &mut checksum {
                checksum.add(&chunk);
            }
            while !chunk.is_empty() {
                let piece: Bytes = chunk.split_to(chunk.len().min(PIECE));
                part.write(piece).await.map_err(|error| Received::Refused(error.into()))?;
            }
        }
        Ok::<(), Received>(())
    });
    let late = |_| Err(Received::Cut(Problem::new(refusals::BODY_SLOW).because("The part took too long to arrive")));
    let passed = passed.await.unwrap_or_else(late);
    let is_wrong = checksum.is_some_and(|checksum| !checksum.matches());
    match passed {
        Ok(()) if is_wrong => Received::Wrong,
        Ok(()) => Received::Whole,
        Err(Received::Cut(problem)) if whole => Received::Refused(problem),
        Err(received) => received,
    }
}

/// How far an upload is.
fn described(mut answer: HttpResponse, upload: &Resumable) -> HttpResponse {
    let headers = answer.headers_mut();
    headers.insert(headers::OFFSET, HeaderValue::from(upload.offset));
    match upload.expires_at {
        Some(expires_at) => {
            if let Ok(expires) = HeaderValue::try_from(headers::date(expires_at)) {
                headers.insert(headers::EXPIRES, expires);
            }
        }
        None => {
            if let Ok(file) = HeaderValue::try_from(upload.id.to_string()) {
                headers.insert(headers::FILE_ID, file);
            }
        }
    }
    answer
}
