//! What the participants do along the way: they sign in, set up a second factor, choose addresses, and run jobs.

use clowder_accounts::{
    Login, RefreshToken, SignedIn,
    two_factor::{Enabling, STEP},
};
use clowder_core::{
    Actor, Ctx, Error, Input, Mail, Origin, Result,
    job::{Taken, Verdict, Work},
};
use clowder_infra::{Store, totp};
use serde_json::json;

use super::{Dice, NOTHING_TO_DO, PASSWORD, Stage, of};
use crate::two_factor::octets;

impl Stage {
    /// An unauthenticated client at one of a few addresses.
    pub fn nobody(&self, dice: &mut Dice) -> Ctx {
        let address = [203, 0, 113, dice.below(6) as u8].into();
        Ctx { origin: Origin { address: Some(address), agent: None }, ..self.world.nobody() }
    }

    pub async fn try_login(&self, who: usize, otp: Option<String>) -> Result<SignedIn> {
        let login = of::<Login>(json!({"username": self.members[who].name, "password": PASSWORD, "otp": otp}));
        self.stores[0].accounts.login(&self.nobody(&mut Dice(who as u64)), login).await
    }

    /// Signs in, also if a second factor is enabled just now.
    pub async fn login(&self, who: usize) -> Result<SignedIn> {
        let member = &self.members[who];
        let signed_in = match self.try_login(who, None).await {
            Err(Error::Refused(refused)) if refused.code == "otp.required" => {
                match self.try_login(who, Self::take(&member.codes)).await {
                    // The codes belonged to an earlier factor.
                    Err(Error::Refused(_)) => {
                        match self.stores[0].staff.remove_second_factor(&self.system(), member.id).await {
                            Err(error) if error.is_ours() => return Err(error),
                            _ => self.try_login(who, None).await?,
                        }
                    }
                    signed_in => signed_in?,
                }
            }
            signed_in => signed_in?,
        };
        member.refresh.lock().unwrap().clone_from(&signed_in.refresh);
        if let Ok(identity) = self.stores[0].accounts.identify(&signed_in.access, self.world.now()) {
            *member.actor.lock().unwrap() = identity.actor;
        }
        member.access.lock().unwrap().clone_from(&signed_in.access);
        Ok(signed_in)
    }

    /// Makes sure that somebody has a second factor.
    pub async fn enrol(&self, store: &Store, who: usize) -> Result<()> {
        let enrolment = match store.two_factor.setup(&self.ctx(who)).await {
            Err(Error::Refused(refused)) if refused.code == "two_factor.on" => return Ok(()),
            enrolment => enrolment?,
        };
        let ctx = self.ctx(who);
        let otp = totp::code(&octets(&enrolment.secret), ctx.now.as_seconds() / STEP);
        let enabled = store.two_factor.enable(&ctx, of::<Enabling>(json!({"otp": otp}))).await?;
        *self.members[who].codes.lock().unwrap() = enabled.recovery_codes;
        Ok(())
    }

    /// An address that others want, too: of a participant, or of one of those who registered last.
    pub async fn address(&self, dice: &mut Dice) -> Result<String> {
        let newcomer = self.newcomer(dice);
        match newcomer.filter(|_| dice.below(2) == 0) {
            Some((_, email)) => Ok(email),
            None => Ok(self.stores[0].accounts.me(&self.ctx(2 + dice.below(4))).await?.email.clone()),
        }
    }

    pub fn newcomer(&self, dice: &mut Dice) -> Option<(Actor, String)> {
        let newcomers = self.newcomers.lock().unwrap();
        newcomers.iter().rev().nth(dice.below(3)).cloned()
    }

    pub async fn refresh(&self, store: &Store, ctx: &Ctx, token: &str) -> Result<SignedIn> {
        store.accounts.refresh(ctx, of::<RefreshOnly>(json!({"refresh": token})).0).await
    }

    /// An email that a participant takes to send.
    pub async fn take_mail(&self, store: &Store) -> Result<Taken> {
        let job = store.jobs.take(&self.system(), vec![Mail::KIND], 1).await?.pop();
        Ok(job.ok_or(NOTHING_TO_DO)?)
    }

    pub async fn give_up(&self, store: &Store, job: &Taken) -> Result<()> {
        store.jobs.settle(&self.system(), job, Verdict::Dead { error: "on purpose".to_owned() }).await
    }

    /// Runs a few jobs as one of the processes; emails are read for their tokens.
    pub async fn do_jobs(&self, store: &Store, kinds: Vec<&'static str>) -> Result<()> {
        let jobs = store.jobs.take(&self.system(), kinds, 4).await?;
        if jobs.is_empty() {
            return Err(NOTHING_TO_DO.into());
        }
        for job in jobs {
            let outcome = match store.workers.iter().find(|worker| worker.kind() == job.kind) {
                Some(worker) => worker.work(&self.system(), &job).await,
                None => {
                    let mail: Mail = job.read()?;
                    for purpose in ["verify", "reset"] {
                        let found = mail.text.split_once(&format!("#{purpose}="));
                        if let Some(token) = found.and_then(|(_, rest)| rest.split_whitespace().next()) {
                            self.tokens.lock().unwrap().entry(purpose).or_default().push(token.to_owned());
                        }
                    }
                    Ok(())
                }
            };
            store.jobs.settle(&self.system(), &job, Verdict::Done).await?;
            match outcome {
                // Its owner was erased, or it was begun again, while it was being made.
                Err(Error::Unavailable(why)) if why.why.contains("taken over by another worker") => {}
                outcome => outcome?,
            }
            let worker = store.workers.iter().find(|worker| worker.kind() == job.kind);
            let kind = worker.map_or(Mail::KIND, |worker| worker.kind());
            *self.worked.lock().unwrap().entry(kind).or_default() += 1;
        }
        Ok(())
    }
}

/// The kinds of the jobs of all domains.
pub fn kinds(store: &Store) -> Vec<&'static str> {
    store.workers.iter().map(|worker| worker.kind()).collect()
}

/// The token alone, as a body contains it.
struct RefreshOnly(RefreshToken);

impl Input for RefreshOnly {
    fn read(fields: &mut clowder_core::Fields) -> Option<Self> {
        fields.required("refresh").map(Self)
    }
}
