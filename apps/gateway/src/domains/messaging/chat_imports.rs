//! Imports of chats over HTTP.

use actix_web::web::Data;
use clowder_core::{Ctx, Error, Field, text::Flaw};
use clowder_messaging::{
    ChatImports,
    chat_imports::{AuthorsBy, ChatImport, ChatImportId, PIECE, Refused},
    refusals::CHAT_IMPORT_UNKNOWN,
};

use crate::{
    answer::{Listed, Shown, Started},
    auth::Caller,
    call::Path,
    problem::{Answer, Problem},
    query::Query,
    refusals,
    upload::Form,
};

type Port = Data<dyn ChatImports>;

pub async fn import(port: Port, Caller(ctx): Caller, form: Form) -> Answer<Started<ChatImport>> {
    let import = port.begin_import(&ctx).await?;
    let started = match arrive(&port, &ctx, import, form).await {
        Ok(by) => port.start_import(&ctx, import, by).await.map_err(late),
        Err(problem) => Err(problem),
    };
    match started {
        Ok(import) => Ok(Started { status_at: format!("/api/admin/chat-imports/{}", import.id), job: import }),
        Err(problem) => {
            port.drop_import(&ctx, import).await?;
            Err(problem)
        }
    }
}

/// A file that takes too long to arrive is forgotten meanwhile: that is the fault of the body.
fn late(error: Error) -> Problem {
    match error {
        Error::Refused(refusal) if refusal.code == CHAT_IMPORT_UNKNOWN.code => {
            Problem::new(refusals::BODY_SLOW).because("The file took too long to arrive")
        }
        error => error.into(),
    }
}

/// Stores the file while it arrives. Parts with other names, and further ones with these, are ignored.
async fn arrive(port: &Port, ctx: &Ctx, import: ChatImportId, mut form: Form) -> Answer<AuthorsBy> {
    let (mut by, mut has_file, mut wrong) = (None, false, Vec::new());
    while let Some(mut part) = form.next().await? {
        if part.name() == "file" && !has_file {
            let mut number = 0;
            while let Some(piece) = part.piece(PIECE).await? {
                port.add_to_import(ctx, import, number, &piece).await.map_err(late)?;
                (number, has_file) = (number + 1, true);
            }
        } else if part.name() == "authors" && by.is_none() {
            by = Some(AuthorsBy::default());
            match AuthorsBy::parse(part.text().await?.unwrap_or_default().into()) {
                Ok(word) => by = Some(word),
                Err(flaw) => wrong.push(flaw.at("/authors")),
            }
        }
    }
    if !has_file {
        wrong.push(Flaw::new("required", "is missing or empty").at("/file"));
    }
    if wrong.is_empty() { Ok(by.unwrap_or_default()) } else { Err(Error::Invalid(wrong).into()) }
}

pub async fn one(port: Port, Caller(ctx): Caller, Path(import): Path<ChatImportId>) -> Answer<Shown<ChatImport>> {
    Ok(Shown(port.chat_import(&ctx, import).await?))
}

pub async fn refused(
    port: Port,
    Caller(ctx): Caller,
    Path(import): Path<ChatImportId>,
    mut query: Query,
) -> Answer<Listed<Refused>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.refused_imports(&ctx, import, page).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_comes_late_is_a_body_that_comes_late() {
        for (error, status, code) in [
            (CHAT_IMPORT_UNKNOWN.into(), 408, "body.slow"),
            (clowder_messaging::refusals::CHAT_IMPORTS.into(), 409, "chat.imports"),
        ] {
            let problem = late(error);
            assert_eq!((problem.status.as_u16(), problem.code), (status, code));
        }
    }
}
