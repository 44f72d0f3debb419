//! Pictures of people and things. Each is a file, and whoever sees the person or the thing sees it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{Fields, FileId, text::Flaw};

/// A picture as it is shown: its file, and where the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Shown")]
pub struct Picture {
    pub file_id: FileId,
}

impl Picture {
    pub const fn of(file_id: FileId) -> Self {
        Self { file_id }
    }
}

/// What is read of a picture: everything else follows from it.
#[derive(Deserialize)]
struct Kept {
    file_id: FileId,
}

impl From<Kept> for Picture {
    fn from(kept: Kept) -> Self {
        Self::of(kept.file_id)
    }
}

/// A picture of a person or a thing.
#[derive(Serialize, ToSchema)]
#[schema(as = Picture)]
struct Shown {
    file_id: FileId,
    /// Where its content is, on this server. Needs the same credentials as every other call.
    #[schema(max_length = 100, example = "/api/files/01993c4f-02d1-7e10-8c44-52a0b1f0a9d3/content")]
    url: String,
    #[schema(value_type = Vec<Small>)]
    thumbnails: [Small; 2],
}

/// Where a small copy of a picture is.
#[derive(Serialize, ToSchema)]
#[schema(as = PictureThumbnail)]
struct Small {
    /// The longest side that it can have, in pixels. A picture that is smaller is not enlarged.
    #[schema(minimum = 64, maximum = 1024, example = 128)]
    size: i64,
    /// A path of this server. It needs the same credentials as every other call; 404 if the picture cannot be decoded, or 409
    /// while it is being examined.
    #[schema(max_length = 100, example = "/api/files/01993c4f-02d1-7e10-8c44-52a0b1f0a9d3/thumbnail?size=128")]
    url: String,
}

/// The sizes of which every picture gives the address: for lists, and for a page of its own.
const SIZES: [i64; 2] = [128, 512];

impl From<Picture> for Shown {
    fn from(Picture { file_id }: Picture) -> Self {
        let url = |size| format!("/api/files/{file_id}/thumbnail?size={size}");
        let thumbnails = SIZES.map(|size| Small { size, url: url(size) });
        Self { file_id, url: format!("/api/files/{file_id}/content"), thumbnails }
    }
}

impl PartialSchema for Picture {
    fn schema() -> RefOr<Schema> {
        Shown::schema()
    }
}

impl ToSchema for Picture {
    fn name() -> Cow<'static, str> {
        "Picture".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Shown::schemas(schemas);
    }
}

/// At most so many files that an input names, all different; absent means "unchanged", and `null` none.
pub fn different_files(fields: &mut Fields, name: &'static str, most: usize) -> Option<Option<Vec<FileId>>> {
    let given: Option<Vec<FileId>> = fields.list_patch(name, most)?;
    for (index, id) in given.iter().flatten().enumerate() {
        if given.iter().flatten().take(index).any(|earlier| earlier == id) {
            let flaw = Flaw::new("distinct", "must be different from the other files");
            fields.flaw(&format!("{name}/{index}"), flaw);
        }
    }
    Some(given)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Error, Input, Timestamp};

    #[test]
    fn a_picture_says_where_it_is_and_is_read_by_its_file() {
        let picture = Picture::of(FileId::new(Timestamp::from_micros(1)));
        let told = serde_json::to_value(picture).unwrap();
        let of = |rest: &str| format!("/api/files/{}/{rest}", picture.file_id);
        let thumbnails = json!([
            {"size": 128, "url": of("thumbnail?size=128")},
            {"size": 512, "url": of("thumbnail?size=512")},
        ]);
        assert_eq!(told, json!({"file_id": picture.file_id, "url": of("content"), "thumbnails": thumbnails}));
        assert_eq!(serde_json::from_value::<Picture>(told).unwrap(), picture);
        // Whatever a later version says besides.
        let other = json!({"file_id": picture.file_id, "url": "elsewhere", "width": 7});
        assert_eq!(serde_json::from_value::<Picture>(other).unwrap(), picture);
    }

    #[derive(Debug, PartialEq)]
    struct Gallery(Option<Vec<FileId>>);

    impl Input for Gallery {
        fn read(fields: &mut Fields) -> Option<Self> {
            different_files(fields, "photos", 2).map(Self)
        }
    }

    #[test]
    fn files_are_different_and_not_too_many() {
        let [one, two] = [1, 2].map(|at| FileId::new(Timestamp::from_micros(at)));
        for (given, expected) in [
            (json!({}), Ok(None)),
            (json!({"photos": null}), Ok(Some(vec![]))),
            (json!({"photos": [two, one]}), Ok(Some(vec![two, one]))),
            (json!({"photos": [one, one]}), Err(("/photos/1", "distinct"))),
            (json!({"photos": [one, two, one]}), Err(("/photos", "too_many"))),
            (json!({"photos": one}), Err(("/photos", "type"))),
        ] {
            match (Gallery::from_json(given.clone()), expected) {
                (Ok(read), Ok(expected)) => assert_eq!(read, Gallery(expected), "{given}"),
                (Err(Error::Invalid(errors)), Err((pointer, code))) => {
                    assert_eq!((&*errors[0].pointer, &*errors[0].code), (pointer, code), "{given}");
                }
                (read, _) => panic!("{given}: {read:?}"),
            }
        }
    }
}
