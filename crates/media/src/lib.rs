//! Media: files that people upload, who may see them, and where their bytes are.
//!
//! The bytes of a file are an object in a store ([`blobs`]). Before others see them, a virus scanner may read them
//! ([`scanner`]), and pictures and recordings are looked into ([`examiner`]). A file is uploaded for a [`Purpose`], which says how large it can be and of which types; the type is found
//! in the content ([`sniff`]). Files of one person with the same content share one object.

pub mod blobs;
pub mod care;
pub mod change;
pub mod direct;
pub mod examiner;
pub mod file_name;
pub mod kinds;
pub mod model;
pub mod policy;
pub mod port;
pub mod purpose;
pub mod refusals;
pub mod resumable;
pub mod scanner;
pub mod scopes;
pub mod showing;
pub mod sniff;
pub mod variants;

pub use blobs::{Blobs, Key};
pub use care::FileCare;
pub use change::Change;
pub use direct::{DirectUpload, NewDirectUpload, UploadHeader};
pub use examiner::{Examined, Examiner, Seen};
pub use model::{
    Content, File, FileFilter, FileId, FilePatch, FileQuota, FileStatus, FileUrl, LONGEST_SIGNED, NewFile, NewFileUrl,
    NewUpload, ObjectId,
};
pub use port::{Appending, Arriving, Files};
pub use purpose::Purpose;
pub use resumable::{NewResumable, Resumable};
pub use scanner::{Scan, Scanner, Verdict};
pub use variants::{Format, Size, Variant};
