//! Runs a command while the connection goes on.

use super::*;

impl Connection {
    pub(super) fn begin(&self, bound: &Bound, request: Request) -> Work {
        let Request { id, name, data } = request;
        let now = clock::now();
        let mut ctx = Ctx::new(self.present(bound, now), now, Arc::clone(&self.context.request_id));
        ctx.origin = self.context.origin.clone();
        let payer = payer(bound.identity.actor, &ctx.origin);
        let ports = Arc::clone(&self.context.ports);
        let (request_id, public) = (Arc::clone(&ctx.request_id), Arc::clone(&ports.public_url));
        let (identity, socket) = (bound.identity.clone(), Arc::clone(&bound.queue));
        let call = Call { ctx, ports, identity, user: bound.user, socket, payer };
        Box::pin(Caller::from(payer.1).scope(async move {
            match call.carry_out(&name, data).await {
                Ok(Done { data, renewed }) => (frame::ack(&id, &data), renewed),
                Err(problem) => (refused(&id, &problem, &request_id, &public), None),
            }
        }))
    }

    /// The holder of the socket, with their current role.
    fn present(&self, bound: &Bound, now: Timestamp) -> Actor {
        match bound.identity.actor {
            Actor::User { id, via, .. } => {
                Actor::User { id, via, role: self.context.store.staff.standing(id, now).role }
            }
            other => other,
        }
    }
}
