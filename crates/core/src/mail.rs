//! Mail: what is sent, and the port that sends it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Ctx, Result, Timestamp,
    job::{Queue, Work},
};

/// One email, ready to go: text, and the same as HTML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// What the recipient is called.
    pub name: String,
    pub address: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// After this it is worth nothing, and not sent any more: what it holds has expired.
    #[serde(default)]
    pub good_until: Option<Timestamp>,
}

impl Work for Mail {
    const KIND: &'static str = "mail.send";
    const QUEUE: Queue = Queue::Mail;
}

/// Hands emails to whoever delivers them.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Returns when the email has been taken over. `id` makes the `Message-ID`, so that an email which was sent
    /// twice can be known as one. A refusal that will not change is an error that is not ours.
    async fn send(&self, ctx: &Ctx, id: &str, mail: &Mail) -> Result<()>;

    /// Whether mail would be taken now, without sending any: the server answers and accepts the login, or the folder can
    /// be written to.
    async fn check(&self) -> Result<()>;

    /// Where emails go, for people.
    fn describe(&self) -> String;
}
