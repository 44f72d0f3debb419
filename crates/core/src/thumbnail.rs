//! Smaller copies of pictures.

use serde::{Deserialize, Serialize};

use crate::FileId;

/// A smaller copy of a picture. It is never cropped or enlarged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Thumbnail {
    /// The longest side that it may have, in pixels.
    #[schema(minimum = 64, maximum = 1024, example = 256)]
    pub size: i64,
    /// In pixels.
    #[schema(minimum = 1, example = 256)]
    pub width: i64,
    #[schema(minimum = 1, example = 192)]
    pub height: i64,
    /// A path of this server.
    #[schema(max_length = 100, example = "/api/files/01993c53-5f70-7d44-a2b8-90e1c3d7f562/thumbnail?size=256")]
    pub url: String,
}

impl Thumbnail {
    pub fn of(file: FileId, size: i64, width: i64, height: i64) -> Self {
        Self { size, width, height, url: format!("/api/files/{file}/thumbnail?size={size}") }
    }
}
