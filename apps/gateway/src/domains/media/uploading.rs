//! The form with which a file is uploaded.

use actix_web::web::Data;
use clowder_core::{Ctx, Error, FieldError, text::Flaw};
use clowder_media::{Arriving, File, Files, NewFile, Purpose};

use super::{handlers::PIECE, waiting::told_when};
use crate::{
    problem::Answer,
    upload::{Form, Head},
};

/// The member that has the file.
const FILE: &str = "file";

/// Stores the file while it arrives, and keeps it once all of the form is there.
pub async fn arrive(files: &Data<dyn Files>, ctx: &Ctx, purpose: Purpose, mut form: Form) -> Answer<File> {
    let mut arriving = None;
    let received = receive(files, ctx, purpose, &mut form, &mut arriving).await;
    match (received, arriving) {
        (Ok(()), Some(file)) => Ok(file.finish().await?),
        (Ok(()), None) => Err(Error::Invalid(vec![Flaw::new("required", "is missing or empty").at("/file")]).into()),
        (Err(problem), None) => Err(problem),
        (Err(problem), Some(file)) => {
            file.abort().await?;
            Err(problem)
        }
    }
}

/// All of the form. What it has no place for is refused as soon as it comes, so that nobody sends a large file in vain.
async fn receive(
    files: &Data<dyn Files>,
    ctx: &Ctx,
    purpose: Purpose,
    form: &mut Form,
    arriving: &mut Option<Box<dyn Arriving>>,
) -> Answer<()> {
    while let Some(mut part) = form.next().await? {
        if let Some(flaw) = misplaced(part.head(), arriving.is_some()) {
            return Err(Error::Invalid(vec![flaw]).into());
        }
        if part.name() != FILE {
            continue;
        }
        let Head { file_name, media_type, .. } = part.head().clone();
        let new = NewFile { name: file_name.unwrap_or_default(), named: media_type, purpose };
        let file = arriving.insert(files.begin_upload(ctx, new).await.map_err(told_when)?);
        while let Some(piece) = part.piece(PIECE).await? {
            file.write(piece.into()).await?;
        }
    }
    Ok(())
}

/// What is wrong with a part of the form, if anything. A member without a file that nobody knows, such as those that pages
/// add to each of their forms, is ignored, as in other bodies; a file that would be lost without a word is not.
fn misplaced(part: &Head, has_file: bool) -> Option<FieldError> {
    match part.name.as_str() {
        FILE if has_file => {
            Some(Flaw::new("one", "must be there once: each file is uploaded by a call of its own").at("/file"))
        }
        FILE => None,
        "purpose" => Some(
            Flaw::new("unwanted", "belongs into the query, as in `/api/files/upload?purpose=avatar`").at("/purpose"),
        ),
        name => part
            .file_name
            .is_some()
            .then(|| Flaw::new("unknown", "has a file, but the call takes it as `file`").at(pointer(name))),
    }
}

/// RFC 6901 §3.
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_one_file_in_its_place() {
        for (name, file_name, has_file, wrong) in [
            ("file", Some("a"), false, None),
            ("file", None, false, None),
            ("file", Some("a"), true, Some(("/file", "one"))),
            ("file", None, true, Some(("/file", "one"))),
            ("purpose", None, false, Some(("/purpose", "unwanted"))),
            ("purpose", None, true, Some(("/purpose", "unwanted"))),
            ("upload", Some(""), false, Some(("/upload", "unknown"))),
            ("a/b~c", Some("a"), false, Some(("/a~1b~0c", "unknown"))),
            ("File", Some("a"), false, Some(("/File", "unknown"))),
            ("csrf", None, false, None),
            ("", None, true, None),
        ] {
            let part = Head { name: name.into(), file_name: file_name.map(Into::into), media_type: None };
            let found = misplaced(&part, has_file);
            let found = found.as_ref().map(|flaw| (flaw.pointer.as_str(), flaw.code.as_ref()));
            assert_eq!(found, wrong, "{name} {file_name:?} {has_file}");
        }
    }
}
