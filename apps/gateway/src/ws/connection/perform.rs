//! Carrying out a command: the same port methods as over REST, with the same answers and refusals.

use super::*;

/// What a command needs of its connection while others go on.
struct Call {
    ctx: Ctx,
    accounts: Arc<dyn Accounts>,
    messaging: Arc<dyn Messaging>,
    hub: Arc<Hub>,
    session: SessionId,
    user: UserId,
}

impl Connection {
    pub(super) fn begin(&self, bound: &Bound, request: Request) -> Option<Work> {
        let request_id = Arc::clone(&self.parts.request_id);
        let mut ctx = Ctx::new(bound.identity.actor, clock::now(), Arc::clone(&request_id));
        ctx.origin = self.parts.origin.clone();
        let call = Call {
            ctx,
            accounts: Arc::clone(&self.parts.accounts),
            messaging: Arc::clone(&self.parts.messaging),
            hub: Arc::clone(&self.parts.hub),
            session: bound.session,
            user: bound.user,
        };
        let Request { id, command } = request;
        Some(Box::pin(async move {
            let done = match command {
                Ok(command) => call.perform(command).await,
                Err(problem) => Err(problem),
            };
            match done {
                Ok((data, renewed)) => (frame::ack(&id, &data), renewed),
                Err(problem) => (refused(&id, &problem, &request_id), None),
            }
        }))
    }
}

type Done = (Box<RawValue>, Option<Identity>);

impl Call {
    async fn perform(&self, command: Command) -> Result<Done, Problem> {
        let Self { ctx, messaging, .. } = self;
        match command {
            Command::Send(send) => done(messaging.send(ctx, send.chat_id, send.new).await?.into_inner()),
            Command::Edit(edit) => done(messaging.edit(ctx, edit.message_id, edit.version, edit.patch).await?),
            Command::Delete(delete) => done(messaging.delete(ctx, delete.message_id, None).await?),
            Command::Read(read) => done(messaging.read(ctx, read.chat_id, read.new).await?),
            Command::TypingStart(at) => self.typing(at.chat_id, true),
            Command::TypingStop(at) => self.typing(at.chat_id, false),
            Command::Renew(renew) => self.renew(&renew.access),
            Command::Ping => nothing(),
            Command::Auth(_) => Err(refusals::FRAME_UNEXPECTED.into()),
        }
    }

    fn typing(&self, chat: clowder_core::ChatId, on: bool) -> Result<Done, Problem> {
        if !self.hub.follows(self.user, chat) {
            return Err(clowder_messaging::refusals::CHAT_UNKNOWN.into());
        }
        self.hub.typing(self.user, chat, on);
        nothing()
    }

    /// Only a token of the same session keeps the socket: another session would be another device.
    fn renew(&self, access: &str) -> Result<Done, Problem> {
        let identity = self.accounts.identify(access, self.ctx.now)?;
        match identity.actor {
            Actor::User { id, session, .. } if (id, session) == (self.user, self.session) => {
                let (data, _) = done(Renewed { expires_at: identity.expires_at })?;
                Ok((data, Some(identity)))
            }
            _ => Err(clowder_accounts::refusals::TOKEN_INVALID.into()),
        }
    }
}

/// The ack of `token.renew`.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub struct Renewed {
    /// Until when the socket may stay.
    pub expires_at: clowder_core::Timestamp,
}

fn done(data: impl serde::Serialize) -> Result<Done, Problem> {
    Ok((serde_json::value::to_raw_value(&data).map_err(Error::from)?, None))
}

fn nothing() -> Result<Done, Problem> {
    done(serde_json::Map::new())
}
