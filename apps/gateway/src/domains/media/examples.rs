//! What files look like.

use serde_json::{Value, json};

use crate::docs::examples::{ADA, AT, LATER, THING, card};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "File" => json!({
            "id": THING, "name": "beach.jpg", "size": 48_213, "type": "image/jpeg",
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "purpose": "attachment",
            "status": "ready", "scanned": true, "width": 4032, "height": 3024, "duration_ms": null, "rotation": null,
            "codecs": [], "waveform": null, "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
            "thumbnails": [
                { "size": 64, "width": 64, "height": 48, "url": format!("/api/files/{THING}/thumbnail?size=64") },
                { "size": 256, "width": 256, "height": 192, "url": format!("/api/files/{THING}/thumbnail?size=256") }
            ],
            "poster_id": null, "uploaded_by": ADA, "created_at": AT
        }),
        "QuarantinedFile" => json!({
            "id": THING, "name": "invoice.zip", "size": 48_213, "type": "application/zip",
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "purpose": "attachment",
            "status": "quarantined", "virus": "Win.Test.EICAR_HDB-1", "uploaded_by": card(ADA, "ada", "Ada Lovelace"), "created_at": AT,
            "scanned_at": LATER
        }),
        "DirectUpload" => json!({
            "id": THING, "method": "PUT",
            "url": "https://photos.s3.eu-central-1.amazonaws.com/.incoming/files/d3/01993c4f…?X-Amz-Signature=5d1f…",
            "headers": [
                { "name": "Content-Length", "value": "48213" },
                { "name": "Content-Type", "value": "application/octet-stream" }
            ],
            "expires_at": LATER
        }),
        "FileQuota" => {
            json!({"bytes_used": 48_213, "bytes_limit": 10_737_418_240_i64, "count": 1, "count_limit": 100_000})
        }
        "ResumableUpload" => json!({
            "id": THING, "name": "beach.jpg", "filetype": "image/jpeg", "purpose": "attachment", "offset": 16_384,
            "length": 48_213, "expires_at": LATER
        }),
        "FileUrl" => json!({
            "url": format!("https://chat.example/api/files/{THING}/download?token=AZPEToHUfwKMHlLJt6Tm8wAAAABp…"),
            "expires_at": LATER
        }),
        _ => return None,
    })
}
