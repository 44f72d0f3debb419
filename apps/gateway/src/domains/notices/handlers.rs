//! Mail of notifications over HTTP.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use clowder_notifications::notices::{MailStatus, Notices};

use super::page;
use crate::{answer::Shown, auth::Caller, call::Path, problem::Answer};

type Port = Data<dyn Notices>;

pub async fn status(port: Port, Caller(ctx): Caller) -> Answer<Shown<MailStatus>> {
    Ok(Shown(port.mail_status(&ctx).await?))
}

pub async fn show(
    port: Port,
    Caller(ctx): Caller,
    Path(token): Path<String>,
    request: HttpRequest,
) -> Answer<HttpResponse> {
    Ok(page::ask(&request, &port.link(&ctx, &token).await?))
}

pub async fn unsubscribe(
    port: Port,
    Caller(ctx): Caller,
    Path(token): Path<String>,
    request: HttpRequest,
) -> Answer<HttpResponse> {
    Ok(page::ended(&request, &port.unsubscribe(&ctx, &token).await?))
}
