//! Exports of chats over HTTP.

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    web::{Bytes, Data},
};
use clowder_core::{ChatId, Ctx, Error, Result, Word};
use clowder_messaging::{
    ChatExports,
    chat_exports::{ChatExport, ChatExportId, ExportFile, ExportFormat, NewExport, page::POLICY},
};
use futures_util::{Stream, stream};

use crate::{
    answer::{Done, Listed, Shown, Started},
    auth::Caller,
    call::{MaybeJson, Path},
    problem::{Answer, Problem},
    public_url::PublicUrl,
    query::Query,
};

type Port = Data<dyn ChatExports>;
type Public = Data<PublicUrl>;

/// The export with a link that clients can follow.
fn linked(public: &PublicUrl, mut export: ChatExport) -> ChatExport {
    if let Some(url) = &mut export.url {
        url.insert_str(0, public.base());
    }
    export
}

pub async fn export(
    port: Port,
    public: Public,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    MaybeJson(new): MaybeJson<NewExport>,
) -> Answer<Started<ChatExport>> {
    let export = linked(&public, port.export_chat(&ctx, chat, new).await?);
    Ok(Started { status_at: format!("/api/chat-exports/{}", export.id), job: export })
}

pub async fn list(port: Port, public: Public, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<ChatExport>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.chat_exports(&ctx, page).await?.map(|export| linked(&public, export))))
}

pub async fn one(
    port: Port,
    public: Public,
    Caller(ctx): Caller,
    Path(export): Path<ChatExportId>,
) -> Answer<Shown<ChatExport>> {
    Ok(Shown(linked(&public, port.chat_export(&ctx, export).await?)))
}

pub async fn end(port: Port, Caller(ctx): Caller, Path(export): Path<ChatExportId>) -> Answer<Done> {
    port.end_chat_export(&ctx, export).await?;
    Ok(Done)
}

/// Always to be saved: a page that somebody opens here would have the origin of the server.
pub async fn download(port: Port, Caller(ctx): Caller, Path(export): Path<ChatExportId>) -> Answer<HttpResponse> {
    let file = port.chat_export_file(&ctx, export).await?;
    let day: String = file.created_at.to_string().chars().take(10).collect();
    let name = format!("attachment; filename=\"chat-{day}.{}\"", file.format.as_str());
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_DISPOSITION, name)).insert_header((CACHE_CONTROL, "no-store"));
    match file.format {
        ExportFormat::Json => answer.insert_header((CONTENT_TYPE, "application/json")),
        ExportFormat::Html => answer
            .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((CONTENT_SECURITY_POLICY, format!("{POLICY}; frame-ancestors 'none'; sandbox"))),
    };
    Ok(answer.no_chunking(file.size).streaming(pieces(port, ctx, file)))
}

/// A piece is read after the previous one has been sent. If reading fails, or the export ends meanwhile, the response is
/// shorter than announced, so that an incomplete file is recognisable.
fn pieces(port: Port, ctx: Ctx, file: ExportFile) -> impl Stream<Item = Result<Bytes>> {
    stream::unfold(Some((port, ctx, 0, file.size)), move |state| async move {
        let (port, ctx, number, left) = state?;
        if left == 0 {
            return None;
        }
        let piece = port.chat_export_piece(&ctx, &file, number).await;
        match piece.and_then(|piece| piece.ok_or_else(|| Error::unavailable("a piece is gone"))) {
            Ok(piece) => {
                let left = left.saturating_sub(piece.len() as u64);
                Some((Ok(Bytes::from(piece)), Some((port, ctx, number + 1, left))))
            }
            Err(error) => {
                Problem::from(error.clone()).log("a download was cut off");
                Some((Err(error), None))
            }
        }
    })
}
