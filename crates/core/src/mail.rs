//! Mail: the content of an email, and the port that sends it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Ctx, Result, Timestamp,
    job::{Queue, Work},
};

/// One email, ready to send: text, and the same as HTML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The recipient's name.
    pub name: String,
    pub address: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// After this time the email is useless and not sent any more, because its link or code has expired.
    #[serde(default)]
    pub good_until: Option<Timestamp>,
    /// What it comes by, if the recipient can end that without signing in.
    #[serde(default)]
    pub subscription: Option<Subscription>,
}

/// What emails come by that nobody asked for one by one, such as notifications: mail programs show a button that ends it,
/// file such emails by their list, and show those of one thread together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The first label of the list (RFC 2919): letters, digits and hyphens. The rest is the sender's domain.
    pub list: String,
    /// Where one POST ends it (RFC 8058).
    pub unsubscribe_url: String,
    /// Stands for the thing that the emails of a thread are about: letters, digits and hyphens.
    pub thread: Option<String>,
}

impl Work for Mail {
    const KIND: &'static str = "mail.send";
    const QUEUE: Queue = Queue::Mail;
}

/// Sends emails.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Returns when the email has been accepted. `id` becomes the `Message-ID`, so that duplicates can be recognised. A
    /// permanent refusal is an error that is not ours.
    async fn send(&self, ctx: &Ctx, id: &str, mail: &Mail) -> Result<()>;

    /// Whether mail could be sent now, without sending any: the server responds and accepts the login, or the folder is
    /// writable.
    async fn check(&self) -> Result<()>;

    /// Where emails go, described for people.
    fn describe(&self) -> String;
}
