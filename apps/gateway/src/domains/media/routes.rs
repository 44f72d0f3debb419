//! The routes of files.

use clowder_accounts::{
    refusals::ACCOUNT_SUSPENDED,
    scopes::{ADMIN_READ, ADMIN_WRITE},
};
use clowder_core::{idempotency, input::Opaque};
use clowder_media::{
    DirectUpload, File, FilePatch, FileQuota, FileUrl, NewDirectUpload, NewFileUrl, NewUpload, Purpose, Resumable,
    Size,
    care::{Moderated, QuarantinedFile, permissions::MODERATE_FILES},
    model::Octets,
    purpose::MOST_OCTETS,
    refusals::*,
    scopes::{FILES_READ, FILES_WRITE},
};

use super::{handlers, moderating, resumable};
use crate::{
    refusals,
    routes::{Endpoint, Head, delete, get, options, patch, post},
};

const CONTENT: &str = "It takes `Range` (also several ranges), `If-Range`, `If-None-Match`, `If-Modified-Since`, `If-Match` and `If-Unmodified-Since`. Pictures, recordings and plain text may be shown in place; everything else is to be saved, above all what a browser would run.";

pub fn all() -> Vec<Endpoint> {
    let mut all = of_files();
    all.extend(of_resumable_uploads());
    all.extend(of_contents());
    all.extend(of_moderators());
    all
}

fn of_files() -> Vec<Endpoint> {
    vec![
        post("/api/files/upload", handlers::upload)
            .says("Upload a file")
            .called("uploadFile")
            .notes("The form has the file in its member `file`, once, and ends with the last boundary; a member that nobody knows is ignored, unless it has a file (422 `unknown`). `type` is found in the content, and decides with `purpose` whether the file is taken: pictures (`avatar`, `cover`, `pet`, `event`, `chat`, `group`) are JPEG, PNG, GIF or WebP of at most 10 MiB, `voice` is a recording (AAC, FLAC, MP3, MP4, Ogg, WAV, WebM or Matroska) of at most 25 MiB, `video` is MP4, WebM or QuickTime of at most 200 MiB, and an `attachment` is anything but a program, of at most 100 MiB. The same content again is stored and counted once. Pictures and recordings are examined before anybody gets them, and everything is if the server has a virus scanner (202): then `status` is `scanning` first. Metadata, such as the place of a photo, is taken out of pictures. A voice message of more than 15 minutes, or a file that cannot be read as what it is, becomes `failed`. The same file under the same `Idempotency-Key` is the same upload. An upload may take six hours.")
            .scope(FILES_WRITE)
            .takes_file::<NewUpload>(MOST_OCTETS as usize)
            .asks::<Purpose>("purpose", "What it is for: `attachment` when absent")
            .creates()
            .gives::<File>(201, "The new file")
            .gives::<File>(202, "The new file, which is examined first; `file.updated` says when that is done")
            .refuses(&[
                FILE_TOO_LARGE,
                FILE_TYPE,
                FILE_MISMATCH,
                FILE_QUOTA,
                FILE_TRASH,
                FILE_SERVER_FULL,
                FILE_UPLOADS,
                idempotency::MISMATCH,
                idempotency::RUNNING,
            ])
            .refuses_again(&[FILE_UNKNOWN]),
        post("/api/files/direct", handlers::begin_direct)
            .says("Begin an upload to the bucket of the server")
            .called("beginDirectUpload")
            .notes("If the server stores files in a bucket that clients reach, the content can go there without the server: send it to `url` with `method` and exactly these `headers`, then complete the upload. The address is good for an hour, for this size and, if you give it, for content with this SHA-256. Nobody sees what arrives before the upload is complete. `size` is reserved; delete the file to give up the upload.")
            .scope(FILES_WRITE)
            .takes::<NewDirectUpload>()
            .creates()
            .gives::<DirectUpload>(201, "Where to upload the content")
            .refuses(&[
                FILE_NO_DIRECT,
                FILE_TOO_LARGE,
                FILE_QUOTA,
                FILE_TRASH,
                FILE_SERVER_FULL,
                FILE_UPLOADS,
                idempotency::MISMATCH,
                idempotency::RUNNING,
            ])
            .refuses_again(&[FILE_UNKNOWN]),
        post("/api/files/{file_id}/complete", handlers::complete_direct)
            .says("Complete an upload to the bucket")
            .called("completeDirectUpload")
            .notes("The server takes in what has arrived, and looks at it as at every upload: at its size, its SHA-256, and its type. If anything is wrong, nothing is left of the upload. What is uploaded to the address afterwards changes nothing. Calling it again is safe: a file that is complete is answered as it is. 409 `file.not_ready` if nothing has arrived, or another call is completing it; then call again.")
            .scope(FILES_WRITE)
            .gives::<File>(200, "The file")
            .gives::<File>(202, "The file, which is examined first; `file.updated` says when that is done")
            .refuses(&[
                FILE_UNKNOWN,
                FILE_NOT_READY,
                FILE_DIFFERS,
                FILE_TYPE,
                FILE_MISMATCH,
                FILE_QUOTA,
            ]),
        get("/api/files", handlers::list)
            .says("List your files, the newest first")
            .called("listFiles")
            .scope(FILES_READ)
            .asks::<Purpose>("purpose", "Only files for this purpose")
            .lists::<File>(),
        get("/api/files/quota", handlers::quota)
            .says("Read how much of your room for files is used")
            .called("getFileQuota")
            .scope(FILES_READ)
            .gives::<FileQuota>(200, "What is used, and how much there is"),
        get("/api/files/{file_id}", handlers::one)
            .says("Read what is known of a file")
            .called("getFile")
            .scope(FILES_READ)
            .gives::<File>(200, "The file")
            .refuses(&[FILE_UNKNOWN]),
        patch("/api/files/{file_id}", handlers::edit)
            .or_put()
            .says("Give a video of yours a poster")
            .called("editFile")
            .notes("The thumbnails and the blurhash of the video are then those of the picture, for everybody who sees the video. The picture stays as long as the video has it. `null` takes it away. Chats whose messages have the video receive `message.updated`.")
            .scope(FILES_WRITE)
            .takes::<FilePatch>()
            .gives::<File>(200, "As it is now")
            .refuses(&[FILE_UNKNOWN, FILE_FORBIDDEN, FILE_NO_VIDEO]),
        delete("/api/files/{file_id}", handlers::delete)
            .says("Delete a file of yours")
            .called("deleteFile")
            .notes("Nobody sees it any more; messages show that it is gone. Its content is removed from the store seven days later, or earlier if you delete more than you can have, unless another file of yours has the same.")
            .scope(FILES_WRITE)
            .gives_nothing(204, "It is gone")
            .refuses(&[FILE_UNKNOWN, FILE_FORBIDDEN]),
    ]
}

/// tus 1.0.0
fn of_resumable_uploads() -> Vec<Endpoint> {
    const ONE: &str = "/api/files/resumable/{file_id}";
    const ALL: &str = "/api/files/resumable";
    vec![
        options(ALL, resumable::options)
            .says("Read what resumable uploads can do")
            .called("getResumableUploadOptions")
            .public()
            .shows(resumable::SHOWN_OF_ALL)
            .gives_nothing(204, "In the headers"),
        post(ALL, resumable::create)
            .says("Begin a resumable upload")
            .called("createResumableUpload")
            .notes("The protocol is tus 1.0.0 (creation, creation-with-upload, expiration, termination, checksum), so its clients can be used. `Location` says where the upload is. It can be continued for a day, also after the server has restarted. Its id is that of the file. Room for all of it is reserved at once. `Upload-Metadata` can name `filename`, `filetype` (which decides nothing, except that what is called a picture or a recording must be one) and `purpose` (`attachment` when absent). The body can have the beginning of the file, or all of it.")
            .scope(FILES_WRITE)
            .asks_headers(resumable::ASKED_TO_CREATE)
            .takes_octets::<Octets>(resumable::OCTETS, MOST_OCTETS as usize)
            .or_nothing()
            .creates()
            .shows(resumable::SHOWN_OF_A_NEW_UPLOAD)
            .gives::<Resumable>(201, "The new upload")
            .refuses(&[
                FILE_TOO_LARGE,
                FILE_BEYOND,
                FILE_TYPE,
                FILE_MISMATCH,
                FILE_QUOTA,
                FILE_TRASH,
                FILE_SERVER_FULL,
                FILE_UPLOADS,
                FILE_RESUMABLES,
                FILE_OFFSET,
                FILE_BUSY,
                idempotency::MISMATCH,
                idempotency::RUNNING,
            ])
            .refuses_again(&[FILE_UNKNOWN, FILE_EXPIRED])
            .fails(&[refusals::TUS_VERSION, refusals::CHECKSUM_MISMATCH, refusals::CHECKSUM_UNSUPPORTED]),
        get(ONE, resumable::read)
            .says("Read how far a resumable upload is")
            .called("getResumableUpload")
            .head(Head {
                operation_id: "headResumableUpload",
                summary: "Read how far a resumable upload is, in the headers alone",
                headers: resumable::ASKED_TO_END,
            })
            .notes("HEAD gives the same headers. What `Upload-Offset` says has arrived is durable. Once the upload has become a file, `Clowder-File-Id` is there.")
            .scope(FILES_WRITE)
            .shows(resumable::SHOWN_OF_AN_UPLOAD)
            .gives::<Resumable>(200, "The upload")
            .refuses(&[FILE_UNKNOWN, FILE_EXPIRED])
            .fails(&[refusals::TUS_VERSION]),
        patch(ONE, resumable::append)
            .says("Continue a resumable upload")
            .called("continueResumableUpload")
            .notes("The body comes after what has arrived. If it is cut off, what has arrived of it is kept, unless it has an `Upload-Checksum`. After the last octet, the upload becomes a file, which `Clowder-File-Id` names, and which is examined as after any other upload; one that is not taken is gone (415). Clients that can send no PATCH send POST with `X-HTTP-Method-Override: PATCH`.")
            .scope(FILES_WRITE)
            .asks_headers(resumable::ASKED_TO_APPEND)
            .takes_octets::<Octets>(resumable::OCTETS, MOST_OCTETS as usize)
            .shows(resumable::SHOWN_OF_A_PART)
            .gives_nothing(204, "It has arrived; `Upload-Offset` is the next offset")
            .refuses(&[
                FILE_UNKNOWN,
                FILE_EXPIRED,
                FILE_OFFSET,
                FILE_BUSY,
                FILE_BEYOND,
                FILE_TYPE,
                FILE_MISMATCH,
                FILE_QUOTA,
                FILE_SERVER_FULL,
                FILE_UPLOADS,
            ])
            .fails(&[refusals::TUS_VERSION, refusals::CHECKSUM_MISMATCH, refusals::CHECKSUM_UNSUPPORTED]),
        delete(ONE, resumable::end)
            .says("End a resumable upload")
            .called("endResumableUpload")
            .notes("What has arrived is removed, and the room that was reserved for it is free again. If the upload has become a file, the file is deleted. Clients that can send no DELETE send POST with `X-HTTP-Method-Override: DELETE`.")
            .scope(FILES_WRITE)
            .asks_headers(resumable::ASKED_TO_END)
            .gives_nothing(204, "It is gone")
            .refuses(&[FILE_UNKNOWN, FILE_EXPIRED])
            .fails(&[refusals::TUS_VERSION]),
    ]
}

fn of_moderators() -> Vec<Endpoint> {
    vec![
        get("/api/admin/files", moderating::list)
            .says("List the files in quarantine, those that were scanned last first")
            .called("listQuarantinedFiles")
            .notes("The virus scanner found something in them. Nobody gets their content, moderators neither.")
            .needs(MODERATE_FILES)
            .scope(ADMIN_READ)
            .asks::<Moderated>("status", "`quarantined`, also when absent")
            .lists::<QuarantinedFile>(),
        delete("/api/admin/files/{quarantined_file_id}", moderating::delete)
            .says("Delete a file in quarantine")
            .called("deleteQuarantinedFile")
            .notes("As its owner could: whatever has it shows that it is gone. It is in the audit log (`file.removed`). Other files do not exist here.")
            .needs(MODERATE_FILES)
            .scope(ADMIN_WRITE)
            .gives_nothing(204, "It is gone")
            .refuses(&[FILE_NOT_QUARANTINED]),
    ]
}

fn of_contents() -> Vec<Endpoint> {
    vec![
        get("/api/files/{file_id}/content", handlers::content)
            .says("Read the content of a file")
            .called("getFileContent")
            .head(Head {
                operation_id: "headFileContent",
                summary: "Read the size, type and tag of the content of a file, in the headers alone",
                headers: &[],
            })
            .notes(CONTENT)
            .scope(FILES_READ)
            .downloads()
            .gives_text("*/*", "The content, with its own type")
            .gives_part("*/*", "A range of it, or several in `multipart/byteranges`")
            .gives_nothing(304, "The caller has it already")
            .refuses(&[FILE_UNKNOWN, FILE_NOT_READY, FILE_INFECTED, FILE_FAILED])
            .fails(&[refusals::RANGE, refusals::PRECONDITION]),
        get("/api/files/{file_id}/thumbnail", handlers::thumbnail)
            .says("Read a thumbnail of a picture or video")
            .called("getFileThumbnail")
            .notes("As WebP if `Accept` names `image/webp`, otherwise as JPEG. It fits into the size, and is never cropped or enlarged: of a smaller picture it is the largest that there is. `thumbnails` of the file lists them. It never changes, and whoever got it may keep it for a day.")
            .scope(FILES_READ)
            .downloads()
            .asks::<Size>("size", "The longest side that it may have, in pixels: 256 when absent")
            .gives_text("*/*", "The thumbnail, `image/webp` or `image/jpeg`")
            .gives_part("*/*", "A range of it, or several in `multipart/byteranges`")
            .gives_nothing(304, "The caller has it already")
            .refuses(&[FILE_UNKNOWN, FILE_NO_THUMBNAIL, FILE_NOT_READY, FILE_INFECTED, FILE_FAILED])
            .fails(&[refusals::RANGE, refusals::PRECONDITION]),
        get("/api/files/{file_id}/public", handlers::public)
            .says("Read a picture that everybody sees")
            .called("getPublicPicture")
            .notes("For a cache (CDN) in front of the server: without `CDN_URL`, and of a file that is no picture of a person or a thing or that not every user sees, 404 `file.not_public`. `POST /api/files/{file_id}/url` gives the address in the cache. What is shown never changes, so caches may keep it for ever; when the picture is not seen by everybody any more, the server stops sending it.")
            .public()
            .downloads()
            .asks::<Size>("size", "A thumbnail of at most so many pixels on its longest side, as WebP if `Accept` names that; when absent, the picture")
            .gives_text("*/*", "The picture")
            .gives_part("*/*", "A range of it, or several in `multipart/byteranges`")
            .gives_nothing(304, "The caller has it already")
            .refuses(&[FILE_NOT_PUBLIC, FILE_NO_THUMBNAIL, FILE_NOT_READY, FILE_INFECTED, FILE_FAILED])
            .fails(&[refusals::RANGE, refusals::PRECONDITION]),
        post("/api/files/{file_id}/url", handlers::link)
            .says("Create an address of a file that needs no token")
            .called("createFileUrl")
            .notes("Whoever has it can read the content until it expires. Of a picture that everybody sees, it is one in the cache in front of the server, if there is one (`CDN_URL`), and lasts as long as everybody sees it. An address of this server also ends when you may not see the file any more, and with whatever ends your links to exports or the API key that made it; one of the bucket, if clients can reach that, does not, and is good for 900 seconds at most. It is for what cannot send a header, such as an element of a page.")
            .scope(FILES_READ)
            .takes_if_any::<NewFileUrl>()
            .gives::<FileUrl>(200, "The address")
            .refuses(&[FILE_UNKNOWN, FILE_NOT_READY, FILE_INFECTED, FILE_FAILED]),
        get("/api/files/{file_id}/download", handlers::download)
            .says("Read the content of a file at an address that needs no token")
            .called("downloadFile")
            .notes("`POST /api/files/{file_id}/url` creates the address.")
            .notes(CONTENT)
            .public()
            .asks_long("token", Opaque::MAX, "What the address holds")
            .downloads()
            .gives_text("*/*", "The content, with its own type")
            .gives_part("*/*", "A range of it, or several in `multipart/byteranges`")
            .gives_nothing(304, "The caller has it already")
            .refuses(&[
                FILE_LINK_INVALID,
                FILE_UNKNOWN,
                FILE_NOT_READY,
                FILE_INFECTED,
                FILE_FAILED,
                ACCOUNT_SUSPENDED,
            ])
            .fails(&[refusals::RANGE, refusals::PRECONDITION]),
    ]
}
