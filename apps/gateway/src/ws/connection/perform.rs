//! Carrying out a command: the same port methods as over REST, with the same answers and refusals.

use clowder_core::ctx::SCOPE_MISSING;

use super::*;

/// What a command needs of its connection while others go on.
struct Call {
    ctx: Ctx,
    accounts: Arc<dyn Accounts>,
    messaging: Arc<dyn Messaging>,
    hub: Arc<Hub>,
    limits: Arc<dyn Limits>,
    payer: (Policy, Key),
    identity: Identity,
    user: UserId,
}

impl Connection {
    pub(super) fn begin(&self, bound: &Bound, request: Request) -> Option<Work> {
        let request_id = Arc::clone(&self.parts.request_id);
        let public = Arc::clone(&self.parts.public_url);
        let now = clock::now();
        let mut ctx = Ctx::new(self.present(bound, now), now, Arc::clone(&request_id));
        ctx.origin = self.parts.origin.clone();
        let call = Call {
            ctx,
            accounts: Arc::clone(&self.parts.accounts),
            messaging: Arc::clone(&self.parts.messaging),
            hub: Arc::clone(&self.parts.hub),
            limits: Arc::clone(&self.parts.limits),
            payer: payer(bound.identity.actor, &self.parts.origin),
            identity: bound.identity,
            user: bound.user,
        };
        let Request { id, command } = request;
        let caller = Caller::from(call.payer.1);
        Some(Box::pin(caller.scope(async move {
            let done = match (call.pay().await, command) {
                (Err(problem), _) | (Ok(()), Err(problem)) => Err(problem),
                (Ok(()), Ok(command)) if !call.may(&command) => Err(SCOPE_MISSING.into()),
                (Ok(()), Ok(command)) => call.perform(command).await,
            };
            match done {
                Ok((data, renewed)) => (frame::ack(&id, &data), renewed),
                Err(problem) => (refused(&id, &problem, &request_id, &public), None),
            }
        })))
    }
}

impl Connection {
    /// Whoever holds the socket, with the role that they have now.
    fn present(&self, bound: &Bound, now: Timestamp) -> Actor {
        match bound.identity.actor {
            Actor::User { id, via, .. } => Actor::User { id, via, role: self.parts.staff.standing(id, now).role },
            other => other,
        }
    }
}

type Done = (Box<RawValue>, Option<Identity>);

impl Call {
    /// A command costs what a request does, whatever becomes of it.
    async fn pay(&self) -> Result<(), Problem> {
        let (policy, key) = self.payer;
        self.limits.take(policy, key, 1).await.allowed()
    }

    /// What no scope opens is about the socket itself.
    fn may(&self, command: &Command) -> bool {
        command.scope().is_none_or(|scope| self.identity.opens(Some(scope)))
    }

    async fn perform(&self, command: Command) -> Result<Done, Problem> {
        let Self { ctx, messaging, .. } = self;
        // As the routes of the same names do.
        if matches!(command, Command::Send(_) | Command::Edit(_)) {
            self.accounts.may_reach_others(ctx).await?;
        }
        match command {
            Command::Send(send) => done(messaging.send(ctx, send.chat_id, send.new).await?.into_inner()),
            Command::Edit(edit) => {
                done(messaging.edit(ctx, edit.of.message_id, edit.of.version.map(Into::into), edit.patch).await?)
            }
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
            Actor::User { .. } if same(identity.actor, self.identity.actor) => {
                let (data, _) = done(Renewed { expires_at: identity.expires_at })?;
                Ok((data, Some(identity)))
            }
            _ => Err(clowder_accounts::refusals::TOKEN_INVALID.into()),
        }
    }
}

/// Whether both are one user by one session, whatever their role.
fn same(one: Actor, other: Actor) -> bool {
    match (one, other) {
        (Actor::User { id: a, via: one, .. }, Actor::User { id: b, via: other, .. }) => (a, one) == (b, other),
        _ => false,
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
