//! Files in quarantine, for moderators.

use actix_web::web::Data;
use clowder_media::{
    FileCare, FileId,
    care::{Moderated, QuarantinedFile},
};

use crate::{
    answer::{Done, Listed},
    auth::Caller,
    call::Path,
    problem::Answer,
    query::Query,
};

type Port = Data<dyn FileCare>;

pub async fn list(care: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<QuarantinedFile>> {
    let page = query.page();
    let Moderated::Quarantined = query.word("status").unwrap_or_default();
    query.check()?;
    Ok(Listed(care.quarantined(&ctx, page).await?))
}

pub async fn delete(care: Port, Caller(ctx): Caller, Path(file): Path<FileId>) -> Answer<Done> {
    care.delete_quarantined(&ctx, file).await?;
    Ok(Done)
}
