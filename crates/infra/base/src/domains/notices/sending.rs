//! The job that sends one email about notifications. Its content is made now, so that it says nothing that was read or deleted
//! while the mail server was away.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use clowder_core::{
    Ctx, Error, Mailer, Result,
    job::{Queue, Taken, Work, Worker},
};
use clowder_notifications::{
    mail::{NoticeMailId, bounces},
    notices::Notices,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub struct Post {
    pub mail_id: NoticeMailId,
}

impl Work for Post {
    const KIND: &'static str = "notice.send";
    const QUEUE: Queue = Queue::Mail;
}

pub struct NoticeSender {
    notices: Arc<dyn Notices>,
    mailer: Arc<dyn Mailer>,
    /// What the mail server has accepted and could not be noted yet: it is not sent a second time by this process.
    accepted: Mutex<HashSet<NoticeMailId>>,
}

impl NoticeSender {
    pub fn new(notices: Arc<dyn Notices>, mailer: Arc<dyn Mailer>) -> Self {
        Self { notices, mailer, accepted: Mutex::default() }
    }

    fn has_accepted(&self, mail: NoticeMailId) -> bool {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).contains(&mail)
    }

    async fn note(&self, ctx: &Ctx, mail: NoticeMailId) -> Result<()> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).insert(mail);
        self.notices.sent(ctx, mail).await?;
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).remove(&mail);
        Ok(())
    }
}

#[async_trait]
impl Worker for NoticeSender {
    fn kind(&self) -> &'static str {
        Post::KIND
    }

    fn queue(&self) -> Queue {
        Post::QUEUE
    }

    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Post { mail_id } = job.read()?;
        if self.has_accepted(mail_id) {
            return self.note(ctx, mail_id).await;
        }
        let Some(mail) = self.notices.compose(ctx, mail_id).await? else {
            count("dropped");
            return Ok(());
        };
        match self.mailer.send(ctx, &mail_id.to_string(), &mail).await {
            Ok(()) => {
                count("sent");
                self.note(ctx, mail_id).await
            }
            // The server may be back later.
            Err(error) if error.is_ours() => Err(error),
            Err(error) => {
                count("refused");
                tracing::warn!(mail = %mail_id, %error, "the mail server refuses an email about notifications");
                // An address that is none is refused before anybody is asked.
                let about = matches!(error, Error::Refused(_)) || bounces::is_about_recipient(&told(&error));
                self.notices.bounced(ctx, mail_id, mail.address, about).await
            }
        }
    }

    /// Whether it is time was decided when it was made.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        false
    }
}

/// What the mail server said.
fn told(error: &Error) -> String {
    match error {
        Error::Invalid(fields) => fields.iter().map(|field| field.message.as_str()).collect::<Vec<_>>().join(" "),
        error => error.to_string(),
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("clowder_notice_mails_total", "outcome" => outcome).increment(1);
}
