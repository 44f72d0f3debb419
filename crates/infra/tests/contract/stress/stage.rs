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
    Login, NewApiKey, RefreshToken, Registration, SessionPatch,
    model::{
        ChangeEmail, ChangePassword, Erasure, Fate, Forgot, NewImport, NewInvite, NewSuspension, ProfilePatch, Proof,
        Rejection, Resend, ResetPassword, SettingsPatch,
    },
    sign_up::{Mode, Rules},
    two_factor::{Disabling, Enabling, Reauthentication},
};
use clowder_core::{
    Actor, ApiKeyId, ChatId, Ctx, Error, Input, Mail, MessageId, NewJob, Once, PageRequest, Result, Role, UserId,
    job::{Cron, Verdict, Work},
};
use clowder_infra::{Options, Store, clock::Evidence, seal};
use clowder_messaging::{MessagePatch, NewChat, NewMessage, NewRead};
use serde_json::{Value, json};

use crate::world::{World, account};

const PASSWORD: &str = "correct horse";

struct Member {
    id: UserId,
    name: String,
    /// The session they act through; others end it now and then.
    actor: Mutex<Actor>,
    refresh: Mutex<String>,
    access: Mutex<String>,
}

pub struct Stage {
    world: Arc<World>,
    /// Another process over the same database, where accounts wait for approval.
    other: Store,
    members: Vec<Member>,
    chats: Vec<ChatId>,
    said: Mutex<Vec<(usize, MessageId)>>,
    tokens: Mutex<BTreeMap<&'static str, Vec<String>>>,
    api_keys: Mutex<Vec<(usize, ApiKeyId, String)>>,
    invites: Mutex<Vec<clowder_accounts::model::InviteId>>,
    others: Mutex<Vec<UserId>>,
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
        let sign_up = Rules { mode: Mode::Approval, reveal_taken: true };
        let options = Options { sign_up, ..world.options.clone() };
        let other = Store::open(options, world.now()).await.unwrap();
        let mut members = Vec::new();
        for name in ["rita", "boss", "ada", "bob", "eve", "dan"] {
            let signed_in = world.register(name).await;
            members.push(Member {
                id: signed_in.user.id,
                name: name.to_owned(),
                actor: Mutex::new(world.by(&signed_in.access).actor),
                refresh: Mutex::new(signed_in.refresh),
                access: Mutex::new(signed_in.access),
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
            other,
            members,
            chats,
            said: Mutex::default(),
            tokens: Mutex::default(),
            api_keys: Mutex::default(),
            invites: Mutex::default(),
            others: Mutex::default(),
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

    async fn login(&self, who: usize) -> Result<()> {
        let member = &self.members[who];
        let login = of::<Login>(json!({"username": member.name, "password": PASSWORD}));
        let signed_in = self.world.store.accounts.login(&self.world.nobody(), login).await?;
        *member.refresh.lock().unwrap() = signed_in.refresh;
        if let Ok(identity) = self.world.store.accounts.identify(&signed_in.access, self.world.now()) {
            *member.actor.lock().unwrap() = identity.actor;
        }
        *member.access.lock().unwrap() = signed_in.access;
        Ok(())
    }

    /// Does the jobs of a few; emails are read for what they hold.
    async fn do_jobs(&self, dice: &mut Dice) -> Result<()> {
        let store = [&self.world.store, &self.other][dice.below(2)];
        let mut kinds: Vec<_> = store.workers.iter().map(|worker| worker.kind()).collect();
        kinds.push(Mail::KIND);
        for job in store.jobs.take(&self.system(), kinds, 4).await? {
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
                // Its owner was erased, or it was begun anew, while it was made.
                Err(Error::Unavailable(why)) if why.why.contains("another worker's now") => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    pub async fn perform(&self, write: &str, dice: &mut Dice) -> Result<()> {
        let world = &self.world;
        // Two processes, whose memories differ.
        let store = [&world.store, &self.other][dice.below(2)];
        let who = 2 + dice.below(4);
        let (member, ctx) = (&self.members[who], self.ctx(who));
        let (admin, chat) = (self.ctx(dice.below(2)), self.chats[dice.below(3)]);
        let token = |purpose: &str| self.tokens.lock().unwrap().get_mut(purpose).and_then(Vec::pop);
        match write {
            "Accounts::register" => {
                let once = Some(Once::new(self.fresh("k"), [1; 32]));
                let ctx = Ctx { once, ..world.nobody() };
                if let Registration::SignedIn(new) =
                    store.accounts.register(&ctx, account(&self.fresh("guest"))).await?
                {
                    self.others.lock().unwrap().push(new.user.id);
                }
            }
            "Accounts::login" => self.login(who).await?,
            "Accounts::refresh" => {
                let token = member.refresh.lock().unwrap().clone();
                let signed_in =
                    store.accounts.refresh(&world.nobody(), of::<RefreshOnly>(json!({"refresh": token})).0).await?;
                *member.refresh.lock().unwrap() = signed_in.refresh;
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
                let Some(session) = sessions.items.into_iter().next_back() else { return Ok(()) };
                store.accounts.end_session(&ctx, session.id).await?;
                self.login(who).await?;
            }
            "ApiKeys::create_key" => {
                let new = of::<NewApiKey>(json!({"name": "bot", "scopes": ["messages:read"]}));
                let ctx = Ctx { once: Some(Once::new(self.fresh("k"), [1; 32])), ..ctx };
                let issued = store.api_keys.create_key(&ctx, new).await?;
                self.api_keys.lock().unwrap().push((who, issued.api_key.id, issued.key.unwrap_or_default()));
            }
            "ApiKeys::revoke_key" => {
                let Some((who, key, _)) = Self::take(&self.api_keys) else { return Ok(()) };
                store.api_keys.revoke_key(&self.ctx(who), key).await?;
            }
            "ApiKeys::check_key" => {
                let key = self.api_keys.lock().unwrap().last().cloned();
                let Some((.., key)) = key else { return Ok(()) };
                store.api_keys.check_key(&key, world.now().plus(Duration::from_secs(120))).await?;
            }
            "AuditLog::begin_export" => drop(store.audit.begin_export(&admin, &Default::default()).await?),
            "Credentials::verify_email" => {
                let Some(token) = token("verify") else { return Ok(()) };
                store.credentials.verify_email(&world.nobody(), of::<Proof>(json!({"token": token}))).await?;
            }
            "Credentials::resend" => store.credentials.resend(&ctx).await?,
            "Credentials::resend_to" => {
                let resend = of::<Resend>(json!({"email": format!("{}@example.org", member.name)}));
                store.credentials.resend_to(&world.nobody(), resend).await?;
            }
            "Credentials::change_email" => {
                let email = format!("{}@example.com", self.fresh(&member.name));
                let change = of::<ChangeEmail>(json!({"email": email, "password": PASSWORD}));
                store.credentials.change_email(&ctx, change).await?;
            }
            "Credentials::forgot" => {
                let forgot = of::<Forgot>(json!({"email": format!("{}@example.org", member.name)}));
                store.credentials.forgot(&world.nobody(), forgot).await?;
            }
            "Credentials::reset" => {
                let Some(token) = token("reset") else { return Ok(()) };
                let reset = of::<ResetPassword>(json!({"token": token, "new_password": PASSWORD}));
                store.credentials.reset(&world.nobody(), reset).await?;
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
                for job in store.jobs.take(&self.system(), vec![Mail::KIND], 1).await? {
                    store.jobs.renew(&self.system(), &job).await?;
                    store.jobs.give_back(&self.system(), &job).await?;
                }
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
                let job = store.jobs.take(&self.system(), vec![Mail::KIND], 1).await?.pop();
                let Some(job) = job else { return Ok(()) };
                store.jobs.settle(&self.system(), &job, Verdict::Dead { error: "on purpose".to_owned() }).await?;
                if write == "Jobs::retry" {
                    store.jobs.retry(&self.system(), job.id).await?;
                } else {
                    store.jobs.drop_dead(&self.system(), job.id).await?;
                }
            }
            "Jobs::retry_dead" => drop(store.jobs.retry_dead(&self.system()).await?),
            "Journal::sweep" => drop(store.journal.sweep(&self.system(), std::time::Duration::ZERO).await?),
            "Messaging::create_chat" => {
                let peer = self.members[2 + (who - 1) % 4].id;
                let new = match dice.below(2) {
                    0 => json!({"type": "private", "participant_ids": [peer]}),
                    _ => json!({"type": "group", "title": "Tea", "participant_ids": [peer, self.members[0].id]}),
                };
                let ctx = Ctx { once: Some(Once::new(self.fresh("k"), [1; 32])), ..ctx };
                store.messaging.create_chat(&ctx, of::<NewChat>(new)).await?;
            }
            "Messaging::send" => {
                let key = (dice.below(3) == 0).then(|| Once::new(self.fresh("k"), [1; 32]));
                let client = (dice.below(2) == 0).then(|| self.fresh("c"));
                let new = of::<NewMessage>(json!({"content": self.fresh("hello "), "client_id": client}));
                let said = store.messaging.send(&Ctx { once: key, ..ctx }, chat, new).await?.into_inner();
                self.said.lock().unwrap().push((who, said.id));
            }
            "Messaging::edit" => {
                let said = self.said.lock().unwrap().last().copied();
                let Some((who, message)) = said else { return Ok(()) };
                let patch = of::<MessagePatch>(json!({"content": self.fresh("edited ")}));
                store.messaging.edit(&self.ctx(who), message, None, patch).await?;
            }
            "Messaging::delete" => {
                let Some((who, message)) = Self::take(&self.said) else { return Ok(()) };
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
            "Privacy::erase" => {
                // Administrators, too: of two at once one stays.
                let who = dice.below(6);
                let wish = json!({"password": PASSWORD, "messages": "delete"});
                store.privacy.erase(&self.ctx(who), of::<Erasure>(wish)).await?;
                self.login(who).await?;
                store.privacy.undo_erasure(&self.ctx(who)).await?;
            }
            "Privacy::undo_erasure" => store.privacy.undo_erasure(&ctx).await?,
            "Privacy::erase_user" => {
                let Some(guest) = Self::take(&self.others) else { return Ok(()) };
                store.privacy.erase_user(&self.system(), guest, Some(Fate::Delete)).await?;
            }
            "Sealing::rotate" => {
                let column = &seal::COLUMNS[dice.below(seal::COLUMNS.len())];
                store.sealing.rotate(column, None).await?;
            }
            "SignUps::approve" | "SignUps::reject" => {
                let waiting = self.other.accounts.register(&world.nobody(), account(&self.fresh("waiting"))).await?;
                assert!(matches!(waiting, Registration::Waiting(_)));
                let Some(sign_up) = store.sign_ups.waiting(&admin, PageRequest::default()).await?.items.pop() else {
                    return Ok(());
                };
                if write == "SignUps::approve" {
                    store.sign_ups.approve(&admin, sign_up.id).await?;
                } else {
                    store.sign_ups.reject(&admin, sign_up.id, of::<Rejection>(json!({}))).await?;
                }
            }
            "SignUps::invite" => {
                let ctx = Ctx { once: Some(Once::new(self.fresh("k"), [1; 32])), ..admin };
                let invited = store.sign_ups.invite(&ctx, of::<NewInvite>(json!({"note": "x", "max_uses": 2}))).await?;
                self.invites.lock().unwrap().push(invited.invite.id);
                let name = self.fresh("invited");
                let email = format!("{name}@example.org");
                let new = json!({"username": name, "email": email, "password": PASSWORD, "invite": invited.code});
                store.accounts.register(&world.nobody(), of(new)).await?;
            }
            "SignUps::revoke_invite" => {
                let Some(invite) = Self::take(&self.invites) else { return Ok(()) };
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
                store.staff.suspend(&admin, member.id, of::<NewSuspension>(json!({"reason": "x"}))).await?;
            }
            "Staff::lift" => drop(store.staff.lift(&admin, member.id).await?),
            "Staff::remove_second_factor" => drop(store.staff.remove_second_factor(&admin, member.id).await?),
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
            "TwoFactor::enable" => drop(store.two_factor.enable(&ctx, of::<Enabling>(json!({"otp": "123456"}))).await?),
            "TwoFactor::disable" => {
                let disabling = json!({"password": PASSWORD, "otp": "123456"});
                store.two_factor.disable(&ctx, of::<Disabling>(disabling)).await?;
            }
            "TwoFactor::renew_codes" => drop(store.two_factor.renew_codes(&ctx).await?),
            "TwoFactor::reauthenticate" => {
                let again = of::<Reauthentication>(json!({"password": PASSWORD}));
                store.two_factor.reauthenticate(&ctx, again).await?;
            }
            "Upkeep::put_clock_right" => drop(store.upkeep.put_clock_right(ctx.now, Evidence::Returned).await?),
            "Upkeep::sweep" => drop(store.upkeep.sweep(&self.system(), std::time::Duration::MAX).await?),
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    }
}

/// The token alone, as a body has it.
struct RefreshOnly(RefreshToken);

impl Input for RefreshOnly {
    fn read(fields: &mut clowder_core::Fields) -> Option<Self> {
        fields.required("refresh").map(Self)
    }
}
