//! Who takes part, what there is to quarrel about, and how each write is done.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use clowder_accounts::{
    NewApiKey, Registration, SessionPatch,
    model::{
        ChangeEmail, ChangePassword, Erasure, Fate, Forgot, NewImport, NewInvite, NewSuspension, ProfilePatch, Proof,
        Rejection, Resend, ResetPassword, SettingsPatch,
    },
    sign_up::{Mode, Rules},
    two_factor::{Disabling, Reauthentication},
};
use clowder_core::{
    Actor, ApiKeyId, ChatId, Ctx, IdempotencyKey, Input, Kind, Mail, MessageId, NewJob, PageRequest, Refusal, Result,
    Role, UserId, job::Cron,
};
use clowder_infra::{
    Options, Store,
    clock::Evidence,
    seal::{Under, columns},
};
use clowder_messaging::{MessagePatch, NewChat, NewMessage, NewRead};
use serde_json::{Value, json};

use crate::{
    sealing::{NEW, OLD},
    world::{World, account},
};

/// What a write would need is not there yet, or somebody else was faster: it was not done.
const NOTHING_TO_DO: Refusal = Refusal::new(Kind::Unknown, "stress.nothing", "There is nothing to do it to");

#[path = "people.rs"]
mod people;

const PASSWORD: &str = "correct horse";

struct Member {
    id: UserId,
    name: String,
    /// The session they act through; others end it now and then.
    actor: Mutex<Actor>,
    refresh: Mutex<String>,
    access: Mutex<String>,
    /// Recovery codes of the second factor that they have now and then.
    codes: Mutex<Vec<String>>,
}

pub struct Stage {
    world: Arc<World>,
    /// Processes over the same database: sign-ups are open in the first, wait for approval in the second, and do not tell
    /// who has an account in the third, which also seals with another key than the others.
    pub stores: [Store; 3],
    members: Vec<Member>,
    chats: Vec<ChatId>,
    said: Mutex<Vec<(usize, MessageId)>>,
    tokens: Mutex<BTreeMap<&'static str, Vec<String>>>,
    api_keys: Mutex<Vec<(usize, ApiKeyId)>>,
    invites: Mutex<Vec<clowder_accounts::model::InviteId>>,
    others: Mutex<Vec<UserId>>,
    /// Those who registered last, whose addresses are not confirmed yet, and their addresses.
    newcomers: Mutex<Vec<(Actor, String)>>,
    count: AtomicU64,
}

/// A sequence that looks random and is the same each time (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

fn of<T: Input>(value: Value) -> T {
    T::from_json(value).unwrap_or_else(|error| panic!("{error:?}"))
}

impl Stage {
    pub async fn new(world: &Arc<World>) -> Self {
        let open = async |mode, reveal_taken, encryption_keys: String| {
            let sign_up = Rules { mode, reveal_taken };
            // Whoever causes emails waits for others who do, and not for an hour.
            let options = Options { sign_up, encryption_keys, emails_an_hour: u32::MAX, ..world.options.clone() };
            Store::open(options, world.now()).await.unwrap()
        };
        let stores = [
            open(Mode::Open, true, format!("{OLD},{NEW}")).await,
            open(Mode::Approval, true, format!("{OLD},{NEW}")).await,
            open(Mode::Open, false, format!("{NEW},{OLD}")).await,
        ];
        let mut members = Vec::new();
        for name in ["rita", "boss", "ada", "bob", "eve", "dan"] {
            let signed_in = world.register(name).await;
            members.push(Member {
                id: signed_in.user.id,
                name: name.to_owned(),
                actor: Mutex::new(world.by(&signed_in.access).actor),
                refresh: Mutex::new(signed_in.refresh),
                access: Mutex::new(signed_in.access),
                codes: Mutex::default(),
            });
        }
        world.meddle("UPDATE users SET role = 'admin' WHERE username IN ('rita', 'boss')").unwrap();
        let ids: Vec<_> = members.iter().map(|member| member.id).collect();
        let mut chats = Vec::new();
        for owner in &members[..3] {
            let new = of(json!({"type": "group", "title": "Lunch", "participant_ids": ids}));
            let ctx = Ctx::new(*owner.actor.lock().unwrap(), world.now(), "test");
            chats.push(world.store.messaging.create_chat(&ctx, new).await.unwrap().into_inner().id);
        }
        Self {
            world: Arc::clone(world),
            stores,
            members,
            chats,
            said: Mutex::default(),
            tokens: Mutex::default(),
            api_keys: Mutex::default(),
            invites: Mutex::default(),
            others: Mutex::default(),
            newcomers: Mutex::default(),
            count: AtomicU64::new(0),
        }
    }

    fn ctx(&self, who: usize) -> Ctx {
        Ctx::new(*self.members[who].actor.lock().unwrap(), self.world.now(), "test")
    }

    fn system(&self) -> Ctx {
        Ctx::new(Actor::System, self.world.now(), "job")
    }

    fn fresh(&self, what: &str) -> String {
        format!("{what}{}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    fn take<T>(list: &Mutex<Vec<T>>) -> Option<T> {
        list.lock().unwrap().pop()
    }

    pub async fn perform(&self, write: &str, dice: &mut Dice) -> Result<()> {
        let world = &self.world;
        // A code of the second factor is taken once in 30 seconds, an address gets an email a minute.
        world.wait(Duration::from_millis(100));
        // Several processes, whose memories differ.
        let store = &self.stores[dice.below(3)];
        let who = 2 + dice.below(4);
        let (member, ctx) = (&self.members[who], self.ctx(who));
        let (admin, chat) = (self.ctx(dice.below(2)), self.chats[dice.below(3)]);
        let token = |purpose| self.tokens.lock().unwrap().get_mut(purpose).and_then(Vec::pop).ok_or(NOTHING_TO_DO);
        let nobody = self.nobody(dice);
        match write {
            "Accounts::register" => {
                let idempotency_key = Some(IdempotencyKey::new(self.fresh("k"), [1; 32]));
                let ctx = Ctx { idempotency_key, ..nobody };
                let mut name = self.fresh("guest");
                if dice.below(4) == 0 {
                    // Names that others want at the same time, and that look alike.
                    name = format!("guest{}", self.count.load(Ordering::Relaxed) / 50);
                    name = if dice.below(2) == 0 { name.replace('1', "l") } else { name };
                }
                let (store, email) = match dice.below(3) {
                    // Nothing comes of it, but only the holder of the address learns so.
                    0 => (&self.stores[2], self.address(dice).await?),
                    _ => (store, format!("{name}@example.org")),
                };
                let new = json!({"username": name, "email": email, "password": PASSWORD});
                if let Registration::SignedIn(new) = store.accounts.register(&ctx, of(new)).await? {
                    self.others.lock().unwrap().push(new.user.id);
                    let actor = store.accounts.identify(&new.access, ctx.now)?.actor;
                    self.newcomers.lock().unwrap().push((actor, email));
                }
            }
            "Accounts::login" => drop(self.login(who).await?),
            "Accounts::refresh" if dice.below(2) == 0 => {
                // Somebody comes with a token whose successor has been used, twice at once.
                let first = self.login(who).await?.refresh;
                let second = self.refresh(store, &nobody, &first).await?.refresh;
                self.refresh(store, &nobody, &second).await?;
                let late = Ctx { now: world.now().plus(Duration::from_secs(60)), ..nobody };
                let other = &self.stores[dice.below(3)];
                let both = tokio::join!(self.refresh(store, &late, &first), self.refresh(other, &late, &first));
                for refreshed in [both.0, both.1] {
                    refreshed.map(drop).or_else(|error| if error.is_ours() { Err(error) } else { Ok(()) })?;
                }
                self.login(who).await?;
            }
            "Accounts::refresh" => {
                let token = member.refresh.lock().unwrap().clone();
                *member.refresh.lock().unwrap() = self.refresh(store, &nobody, &token).await?.refresh;
            }
            "Accounts::redeem" => {
                let access = member.access.lock().unwrap().clone();
                let ticket = store.accounts.ticket(&ctx, &access).await?;
                store.accounts.redeem(&ctx, &ticket.ticket).await?;
            }
            "Accounts::logout" => {
                store.accounts.logout(&ctx).await?;
                self.login(who).await?;
            }
            "Accounts::logout_all" => {
                store.accounts.logout_all(&ctx, false).await?;
                self.login(who).await?;
            }
            "Accounts::edit_me" => {
                let patch = of::<ProfilePatch>(json!({"bio": self.fresh("bio")}));
                store.accounts.edit_me(&ctx, None, patch).await?;
            }
            "Accounts::name_session" => {
                let name = of::<SessionPatch>(json!({"name": self.fresh("phone")}));
                store.accounts.name_session(&ctx, ctx.session()?, name).await?;
            }
            "Accounts::end_other_sessions" => store.accounts.end_other_sessions(&ctx).await?,
            "Accounts::end_session" => {
                let sessions = store.accounts.sessions(&ctx, PageRequest::default()).await?;
                let session = sessions.items.into_iter().next_back().ok_or(NOTHING_TO_DO)?;
                store.accounts.end_session(&ctx, session.id).await?;
                self.login(who).await?;
            }
            "ApiKeys::create_key" => {
                let new = of::<NewApiKey>(json!({"name": "bot", "scopes": ["messages:read"]}));
                let ctx = Ctx { idempotency_key: Some(IdempotencyKey::new(self.fresh("k"), [1; 32])), ..ctx };
                let issued = store.api_keys.create_key(&ctx, new).await?;
                self.api_keys.lock().unwrap().push((who, issued.api_key.id));
            }
            "ApiKeys::revoke_key" => {
                let (who, key) = Self::take(&self.api_keys).ok_or(NOTHING_TO_DO)?;
                store.api_keys.revoke_key(&self.ctx(who), key).await?;
            }
            "ApiKeys::check_key" => {
                let new = of::<NewApiKey>(json!({"name": "bot", "scopes": ["messages:read"]}));
                let issued = store.api_keys.create_key(&ctx, new).await?;
                let key = issued.key.unwrap_or_default();
                store.api_keys.check_key(&key, world.now().plus(Duration::from_secs(120))).await?;
                self.api_keys.lock().unwrap().push((who, issued.api_key.id));
            }
            "AuditLog::append_pending" => drop(store.audit.append_pending().await?),
            "AuditLog::begin_export" => drop(store.audit.begin_export(&admin, &Default::default()).await?),
            "Credentials::verify_email" => {
                let mut confirmed: Result<()> = Err(NOTHING_TO_DO.into());
                for _ in 0..4 {
                    let Ok(token) = token("verify") else { break };
                    let proof = of::<Proof>(json!({"token": token, "password": PASSWORD}));
                    match store.credentials.verify_email(&nobody, proof).await {
                        Err(error) if error.is_ours() => return Err(error),
                        Err(_) => {}
                        Ok(()) => confirmed = Ok(()),
                    }
                }
                confirmed?;
            }
            "Credentials::resend" => {
                let (actor, _) = self.newcomer(dice).ok_or(NOTHING_TO_DO)?;
                // When the address may get another email.
                let later = Duration::from_secs(61 * self.count.fetch_add(1, Ordering::Relaxed));
                store.credentials.resend(&Ctx::new(actor, world.now().plus(later), "test")).await?;
            }
            "Credentials::resend_to" => {
                let resend = of::<Resend>(json!({"email": self.address(dice).await?}));
                store.credentials.resend_to(&nobody, resend).await?;
            }
            "Credentials::change_email" => {
                // Who has not confirmed an address gets no more emails about the change than of any other kind.
                let ctx = match self.newcomer(dice).filter(|_| dice.below(2) == 0) {
                    Some((newcomer, _)) => Ctx::new(newcomer, world.now(), "test"),
                    None => ctx,
                };
                let email = match dice.below(2) {
                    0 => self.address(dice).await?,
                    _ => format!("{}@example.com", self.fresh(&member.name)),
                };
                let change = of::<ChangeEmail>(json!({"email": email, "password": PASSWORD}));
                store.credentials.change_email(&ctx, change).await?;
            }
            "Credentials::forgot" => {
                let forgot = of::<Forgot>(json!({"email": self.address(dice).await?}));
                store.credentials.forgot(&nobody, forgot).await?;
            }
            "Credentials::reset" => {
                let reset = of::<ResetPassword>(json!({"token": token("reset")?, "new_password": PASSWORD}));
                store.credentials.reset(&nobody, reset).await?;
                self.login(who).await?;
            }
            "Credentials::change_password" => {
                let change = json!({"current_password": PASSWORD, "new_password": PASSWORD});
                store.credentials.change_password(&ctx, of::<ChangePassword>(change)).await?;
            }
            "Jobs::order" => {
                let mail = json!({"name": "x", "address": "x@example.org", "subject": "x", "text": "x", "html": "x"});
                let mail: Mail = serde_json::from_value(mail).unwrap();
                store
                    .jobs
                    .order(&self.system(), NewJob::new(&mail, world.now())?.keyed("stress").about(member.id))
                    .await?;
            }
            "Jobs::take" | "Jobs::settle" => self.do_jobs(dice).await?,
            "Jobs::renew" | "Jobs::give_back" => {
                let job = self.take_mail(store).await?;
                store.jobs.renew(&self.system(), &job).await?;
                store.jobs.give_back(&self.system(), &job).await?;
            }
            "Jobs::tick" => {
                let cron = Cron { name: "stress", schedule: "* * * * * UTC", kind: clowder_infra::store::SWEEP };
                let later = Ctx::new(
                    Actor::System,
                    world.now().plus(Duration::from_secs(self.count.fetch_add(1, Ordering::Relaxed) * 60)),
                    "job",
                );
                store.jobs.tick(&later, &[cron]).await?;
            }
            "Jobs::retry" | "Jobs::drop_dead" => {
                let job = self.take_mail(store).await?;
                self.give_up(store, &job).await?;
                if write == "Jobs::retry" {
                    store.jobs.retry(&self.system(), job.id).await?;
                } else {
                    store.jobs.drop_dead(&self.system(), job.id).await?;
                }
            }
            "Jobs::retry_dead" => {
                let job = self.take_mail(store).await?;
                self.give_up(store, &job).await?;
                if store.jobs.retry_dead(&self.system()).await? == 0 {
                    return Err(NOTHING_TO_DO.into());
                }
            }
            "Journal::sweep" => drop(store.journal.sweep(&self.system(), std::time::Duration::ZERO).await?),
            "Messaging::create_chat" => {
                let peer = self.members[2 + (who - 1) % 4].id;
                let new = match dice.below(2) {
                    0 => json!({"type": "private", "participant_ids": [peer]}),
                    _ => json!({"type": "group", "title": "Tea", "participant_ids": [peer, self.members[0].id]}),
                };
                let ctx = Ctx { idempotency_key: Some(IdempotencyKey::new(self.fresh("k"), [1; 32])), ..ctx };
                store.messaging.create_chat(&ctx, of::<NewChat>(new)).await?;
            }
            "Messaging::send" => {
                let key = (dice.below(3) == 0).then(|| IdempotencyKey::new(self.fresh("k"), [1; 32]));
                let client = (dice.below(2) == 0).then(|| self.fresh("c"));
                let new = of::<NewMessage>(json!({"content": self.fresh("hello "), "client_id": client}));
                let said = store.messaging.send(&Ctx { idempotency_key: key, ..ctx }, chat, new).await?.into_inner();
                self.said.lock().unwrap().push((who, said.id));
            }
            "Messaging::edit" => {
                let said = self.said.lock().unwrap().last().copied();
                let (who, message) = said.ok_or(NOTHING_TO_DO)?;
                let patch = of::<MessagePatch>(json!({"content": self.fresh("edited ")}));
                store.messaging.edit(&self.ctx(who), message, None, patch).await?;
            }
            "Messaging::delete" => {
                let (who, message) = Self::take(&self.said).ok_or(NOTHING_TO_DO)?;
                store.messaging.delete(&self.ctx(who), message, None).await?;
            }
            "Messaging::read" => {
                let seq = dice.below(200) as i64 + 1;
                store.messaging.read(&ctx, chat, of::<NewRead>(json!({"seq": seq}))).await?;
            }
            "Preferences::edit_settings" => {
                let theme = ["dark", "light"][dice.below(2)];
                let patch = of::<SettingsPatch>(json!({"theme": theme}));
                store.preferences.edit_settings(&ctx, None, patch).await?;
            }
            "Privacy::export" => drop(store.privacy.export(&ctx).await?),
            "Privacy::erase" | "Privacy::undo_erasure" => {
                // Administrators, too: of two at once one stays.
                let who = dice.below(6);
                let wish = json!({"password": PASSWORD, "messages": "delete"});
                store.privacy.erase(&self.ctx(who), of::<Erasure>(wish)).await?;
                self.login(who).await?;
                store.privacy.undo_erasure(&self.ctx(who)).await?;
            }
            "Privacy::erase_user" => {
                let guest = Self::take(&self.others).ok_or(NOTHING_TO_DO)?;
                store.privacy.erase_user(&self.system(), guest, Some(Fate::Delete)).await?;
            }
            "Sealing::rotate" => {
                // Under another key than the last time, while others write under theirs.
                let columns: Vec<_> = columns().into_iter().filter(|column| column.under == Under::Ring).collect();
                let piece = store.sealing.rotate(columns[dice.below(columns.len())], None).await?;
                assert_eq!(piece.faults, Vec::<String>::new());
                if piece.resealed == 0 {
                    return Err(NOTHING_TO_DO.into());
                }
            }
            "SignUps::approve" | "SignUps::reject" => {
                let waiting = self.stores[1].accounts.register(&nobody, account(&self.fresh("waiting"))).await?;
                assert!(matches!(waiting, Registration::Waiting(_)));
                let sign_up = store.sign_ups.waiting(&admin, PageRequest::default()).await?.items.pop();
                let sign_up = sign_up.ok_or(NOTHING_TO_DO)?;
                if write == "SignUps::approve" {
                    store.sign_ups.approve(&admin, sign_up.id).await?;
                } else {
                    store.sign_ups.reject(&admin, sign_up.id, of::<Rejection>(json!({}))).await?;
                }
            }
            "SignUps::invite" => {
                let ctx = Ctx { idempotency_key: Some(IdempotencyKey::new(self.fresh("k"), [1; 32])), ..admin };
                let invited = store.sign_ups.invite(&ctx, of::<NewInvite>(json!({"note": "x", "max_uses": 2}))).await?;
                self.invites.lock().unwrap().push(invited.invite.id);
                let name = self.fresh("invited");
                let email = format!("{name}@example.org");
                let new = json!({"username": name, "email": email, "password": PASSWORD, "invite": invited.code});
                store.accounts.register(&nobody, of(new)).await?;
            }
            "SignUps::revoke_invite" => {
                let invite = Self::take(&self.invites).ok_or(NOTHING_TO_DO)?;
                store.sign_ups.revoke_invite(&admin, invite).await?;
            }
            "SignUps::import" => {
                let name = self.fresh("import");
                let hash = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy";
                let people = [&name, "imported"].map(|name| {
                    of::<NewImport>(
                        json!({"username": name, "email": format!("{name}@example.org"), "password_hash": hash}),
                    )
                });
                store.sign_ups.import(&self.system(), people.into()).await?;
            }
            "Staff::create_account" => {
                let made = store.staff.create_account(&admin, account(&self.fresh("made")), Role::Moderator).await?;
                self.others.lock().unwrap().push(made.id);
            }
            "Staff::set_role" => {
                let role = [Role::User, Role::Moderator][dice.below(2)];
                store.staff.set_role(&self.system(), member.id, role).await?;
            }
            "Staff::suspend" => {
                let reason = self.fresh("x");
                store.staff.suspend(&admin, member.id, of::<NewSuspension>(json!({"reason": reason}))).await?;
            }
            "Staff::lift" => {
                let reason = self.fresh("x");
                store.staff.suspend(&admin, member.id, of::<NewSuspension>(json!({"reason": reason}))).await?;
                store.staff.lift(&admin, member.id).await?;
            }
            "Staff::remove_second_factor" => {
                self.enrol(store, who).await?;
                store.staff.remove_second_factor(&admin, member.id).await?;
            }
            "Staff::reset_link" => {
                let link = store.staff.reset_link(&admin, member.id).await?;
                let (_, token) = link.url.split_once("#reset=").unwrap();
                self.tokens.lock().unwrap().entry("reset").or_default().push(token.to_owned());
            }
            "Staff::end_sessions" => {
                store.staff.end_sessions(&admin, member.id, false).await?;
                self.login(who).await?;
            }
            "TwoFactor::setup" => drop(store.two_factor.setup(&ctx).await?),
            "TwoFactor::enable" => self.enrol(store, who).await?,
            "TwoFactor::disable" => {
                self.enrol(store, who).await?;
                let code = Self::take(&member.codes).ok_or(NOTHING_TO_DO)?;
                let disabling = json!({"password": PASSWORD, "otp": code});
                store.two_factor.disable(&ctx, of::<Disabling>(disabling)).await?;
            }
            "TwoFactor::renew_codes" => {
                self.enrol(store, who).await?;
                let renewed = store.two_factor.renew_codes(&ctx).await?;
                *member.codes.lock().unwrap() = renewed.recovery_codes;
            }
            "TwoFactor::reauthenticate" => {
                let again = json!({"password": PASSWORD, "otp": Self::take(&member.codes)});
                store.two_factor.reauthenticate(&ctx, of::<Reauthentication>(again)).await?;
            }
            "Upkeep::put_clock_right" => drop(store.upkeep.put_clock_right(ctx.now, Evidence::Returned).await?),
            "Upkeep::sweep" => drop(store.upkeep.sweep(&self.system(), std::time::Duration::MAX).await?),
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    }
}
