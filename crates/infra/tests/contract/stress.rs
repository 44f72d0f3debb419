//! Every write against every other: many tasks, the same few people, the same chats. No write may wait for another for
//! ever, none may fail for a fault of ours, and what is counted must be true afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
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
    Actor, ApiKeyId, ChatId, Ctx, Error, Input, Mail, MessageId, NewJob, Once, PageRequest, Result, Role, Timestamp,
    UserId,
    job::{Cron, Verdict, Work},
};
use clowder_infra::{DatabaseUrl, Options, Store, seal};
use clowder_messaging::{MessagePatch, NewChat, NewMessage, NewRead};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types::BigInt};
use serde_json::{Value, json};

use crate::world::{World, account, on_both};

/// Every write of every port. What a port has and is neither here nor among [`READS`] fails the test.
const WRITES: &[&str] = &[
    "Accounts::register",
    "Accounts::login",
    "Accounts::refresh",
    "Accounts::redeem",
    "Accounts::logout",
    "Accounts::logout_all",
    "Accounts::edit_me",
    "Accounts::name_session",
    "Accounts::end_other_sessions",
    "Accounts::end_session",
    "ApiKeys::create_key",
    "ApiKeys::revoke_key",
    "ApiKeys::check_key",
    "AuditLog::begin_export",
    "Credentials::verify_email",
    "Credentials::resend",
    "Credentials::resend_to",
    "Credentials::change_email",
    "Credentials::forgot",
    "Credentials::reset",
    "Credentials::change_password",
    "Jobs::order",
    "Jobs::take",
    "Jobs::renew",
    "Jobs::settle",
    "Jobs::give_back",
    "Jobs::tick",
    "Jobs::retry",
    "Jobs::retry_dead",
    "Jobs::drop_dead",
    "Journal::sweep",
    "Messaging::create_chat",
    "Messaging::send",
    "Messaging::edit",
    "Messaging::delete",
    "Messaging::read",
    "Preferences::edit_settings",
    "Privacy::export",
    "Privacy::erase",
    "Privacy::undo_erasure",
    "Privacy::erase_user",
    "Sealing::rotate",
    "SignUps::approve",
    "SignUps::reject",
    "SignUps::invite",
    "SignUps::revoke_invite",
    "SignUps::import",
    "Staff::create_account",
    "Staff::set_role",
    "Staff::suspend",
    "Staff::lift",
    "Staff::reset_link",
    "Staff::end_sessions",
    "TwoFactor::setup",
    "TwoFactor::enable",
    "TwoFactor::disable",
    "TwoFactor::renew_codes",
    "TwoFactor::reauthenticate",
    "Upkeep::sweep",
];

/// What writes nothing.
const READS: &[&str] = &[
    "Accounts::identify",
    "Accounts::is_ended",
    "Accounts::may_reach_others",
    "Accounts::me",
    "Accounts::sessions",
    "Accounts::ticket",
    "ApiKeys::is_revoked",
    "ApiKeys::key",
    "ApiKeys::keys",
    "ApiKeys::recall_key",
    "AuditLog::export",
    "AuditLog::head",
    "AuditLog::records",
    "AuditLog::security",
    "AuditLog::verify",
    "Jobs::lease",
    "Jobs::list",
    "Jobs::ordered",
    "Journal::after",
    "Journal::extent",
    "Journal::replay",
    "Messaging::chat",
    "Messaging::chats",
    "Messaging::followed",
    "Messaging::history",
    "Messaging::message",
    "Messaging::messages",
    "Preferences::settings",
    "Privacy::chunk",
    "Privacy::download",
    "Privacy::exports",
    "Privacy::one_export",
    "Sealing::held",
    "Sealing::keys",
    "SignUps::invites",
    "SignUps::waiting",
    "Staff::account",
    "Staff::account_named",
    "Staff::accounts",
    "Staff::standing",
    "Upkeep::check",
    "Upkeep::recall",
];

/// `Port::method` of all ports, as their sources say.
fn methods() -> BTreeSet<String> {
    let sources = [
        include_str!("../../../accounts/src/port.rs"),
        include_str!("../../../accounts/src/port/api_keys.rs"),
        include_str!("../../../accounts/src/port/audit.rs"),
        include_str!("../../../accounts/src/port/credentials.rs"),
        include_str!("../../../accounts/src/port/preferences.rs"),
        include_str!("../../../accounts/src/port/privacy.rs"),
        include_str!("../../../accounts/src/port/sign_ups.rs"),
        include_str!("../../../accounts/src/port/staff.rs"),
        include_str!("../../../accounts/src/port/two_factor.rs"),
        include_str!("../../../messaging/src/port.rs"),
        include_str!("../../../core/src/journal.rs"),
        include_str!("../../../core/src/job.rs"),
        include_str!("../../src/seal.rs"),
        include_str!("../../src/store.rs"),
    ];
    let mut methods = BTreeSet::new();
    for source in sources {
        let mut port = None;
        for line in source.lines() {
            if let Some(rest) = line.strip_prefix("pub trait ") {
                let name = rest.split([':', ' ', '<']).next().unwrap();
                // A worker is what a job does; its jobs are done below.
                port = Some(name).filter(|name| !["Work", "Worker"].contains(name));
            } else if line == "}" {
                port = None;
            } else if let (Some(port), Some((_, rest))) = (port, line.split_once("fn ")) {
                let indented = line.starts_with("    fn ") || line.starts_with("    async fn ");
                if indented {
                    methods.insert(format!("{port}::{}", rest.split(['(', '<']).next().unwrap()));
                }
            }
        }
    }
    methods
}

#[test]
fn every_method_of_every_port_is_listed() {
    let listed: BTreeSet<String> = WRITES.iter().chain(READS).map(|name| (*name).to_owned()).collect();
    let methods = methods();
    assert!(methods.len() > 80, "{methods:?}");
    let missing: Vec<_> = methods.difference(&listed).collect();
    assert!(missing.is_empty(), "a write joins the stress test (WRITES and `perform`), a read READS: {missing:?}");
    let gone: Vec<_> = listed.difference(&methods).collect();
    assert!(gone.is_empty(), "no port has {gone:?}");
}

const PASSWORD: &str = "correct horse";

struct Member {
    id: UserId,
    name: String,
    /// The session they act through; others end it now and then.
    actor: Mutex<Actor>,
    refresh: Mutex<String>,
    access: Mutex<String>,
}

struct Stage {
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
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

fn of<T: Input>(value: Value) -> T {
    T::from_json(value).unwrap_or_else(|error| panic!("{error:?}"))
}

impl Stage {
    async fn new(world: &Arc<World>) -> Self {
        let sign_up = Rules { mode: Mode::Approval, reveal_taken: true };
        let options = Options { sign_up, ..world.options.clone() };
        let other = Store::open(options, world.now()).await.unwrap();
        let mut members = Vec::new();
        for name in ["root", "boss", "ada", "bob", "eve", "dan"] {
            let signed_in = world.register(name).await;
            members.push(Member {
                id: signed_in.user.id,
                name: name.to_owned(),
                actor: Mutex::new(world.by(&signed_in.access).actor),
                refresh: Mutex::new(signed_in.refresh),
                access: Mutex::new(signed_in.access),
            });
        }
        world.meddle("UPDATE users SET role = 'admin' WHERE username IN ('root', 'boss')").unwrap();
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
                Err(Error::Unavailable(why)) if why.contains("another worker's now") => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    async fn perform(&self, write: &str, dice: &mut Dice) -> Result<()> {
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
                store.accounts.logout_all(&ctx).await?;
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
                let Some(session) = store.accounts.sessions(&ctx).await?.pop() else { return Ok(()) };
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
            "Journal::sweep" => drop(store.journal.sweep(&self.system(), Timestamp::from_micros(0)).await?),
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
            "Staff::reset_link" => {
                let link = store.staff.reset_link(&admin, member.id).await?;
                let (_, token) = link.url.split_once("#reset=").unwrap();
                self.tokens.lock().unwrap().entry("reset").or_default().push(token.to_owned());
            }
            "Staff::end_sessions" => {
                store.staff.end_sessions(&admin, member.id).await?;
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
            "Upkeep::sweep" => drop(store.upkeep.sweep(&self.system(), Timestamp::from_micros(0)).await?),
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

/// These need not succeed here: what they need is not there, goes by what nobody guesses, or may happen once a minute.
const ONLY_TRIED: &[&str] = &[
    "Credentials::resend",
    "Privacy::undo_erasure",
    "TwoFactor::disable",
    "TwoFactor::enable",
    "TwoFactor::renew_codes",
];

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn count(world: &World, what: &str) -> i64 {
    let query = sql_query(format!("SELECT count(*) AS count FROM {what}"));
    let found: Count = match &world.options.url {
        DatabaseUrl::Postgres(url) => query.get_result(&mut PgConnection::establish(url).unwrap()),
        DatabaseUrl::Sqlite(path) => {
            query.get_result(&mut SqliteConnection::establish(&path.to_string_lossy()).unwrap())
        }
    }
    .unwrap();
    found.count
}

/// What must be true whoever wrote beside whom; each says what would be wrong.
const NEVER: &[(&str, &str)] = &[
    (
        "gaps in the numbers of a chat",
        "chats c WHERE c.last_seq <> (SELECT count(*) FROM messages m WHERE m.chat_id = c.id) \
         OR c.last_seq <> (SELECT coalesce(max(m.seq), 0) FROM messages m WHERE m.chat_id = c.id)",
    ),
    (
        "a wrong count of deleted messages",
        "chats c WHERE c.deleted_count <> (SELECT count(*) FROM messages m WHERE m.chat_id = c.id AND m.deleted_at IS NOT NULL)",
    ),
    (
        "a wrong count of participants",
        "chats c WHERE c.participant_count <> (SELECT count(*) FROM participants p WHERE p.chat_id = c.id)",
    ),
    (
        "a wrong count of own messages after the mark",
        "participants p WHERE p.own_after_read <> (SELECT count(*) FROM messages m \
         WHERE m.chat_id = p.chat_id AND m.sender_id = p.user_id AND m.seq > p.read_seq)",
    ),
    (
        "a wrong lowest mark",
        "chats c WHERE c.slowest_seq <> (SELECT min(p.read_seq) FROM participants p WHERE p.chat_id = c.id)",
    ),
    (
        "gaps in the journal",
        "streams s WHERE s.head - s.floor <> (SELECT count(*) FROM journal j WHERE j.stream = s.stream)",
    ),
    (
        "times against the order of a chat",
        "messages a JOIN messages b ON b.chat_id = a.chat_id AND b.seq = a.seq + 1 AND b.created_at < a.created_at - 2000000",
    ),
    ("a deleted message with its text", "messages m WHERE m.deleted_at IS NOT NULL AND m.content IS NOT NULL"),
    (
        "edits of a deleted message",
        "message_edits e JOIN messages m ON m.id = e.message_id AND m.deleted_at IS NOT NULL",
    ),
    ("two keys of one person", "(SELECT user_id FROM user_keys GROUP BY user_id HAVING count(*) > 1) twice"),
    ("gaps in the audit log", "audit_head h WHERE h.position <> (SELECT count(*) FROM audit)"),
];

const TASKS: u64 = 12;
const FOR: Duration = Duration::from_secs(4);

on_both! {
    async fn no_write_waits_for_another_for_ever(world: World) {
        let stage = Arc::new(Stage::new(&world).await);
        let came = Arc::new(Mutex::new(BTreeMap::<&'static str, (u32, u32)>::new()));
        let faults = Arc::new(Mutex::new(Vec::<String>::new()));
        let began = Instant::now();
        let tasks = (0..TASKS).map(|task| {
            let (stage, came, faults) = (Arc::clone(&stage), Arc::clone(&came), Arc::clone(&faults));
            tokio::spawn(async move {
                let mut dice = Dice(task);
                // Each begins elsewhere and comes through all of them, also where all is slow.
                let mut next = task as usize * WRITES.len() / TASKS as usize;
                let mut done = 0;
                while began.elapsed() < FOR || done < WRITES.len() * 2 {
                    let write = WRITES[next % WRITES.len()];
                    next += 1 + dice.below(3) * usize::from(done >= WRITES.len());
                    done += 1;
                    let result = stage.perform(write, &mut dice).await;
                    let mut came = came.lock().unwrap();
                    let (tried, succeeded) = came.entry(write).or_default();
                    *tried += 1;
                    *succeeded += u32::from(result.is_ok());
                    if let Err(error) = result && error.is_ours() {
                        faults.lock().unwrap().push(format!("{write}: {error}"));
                    }
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let faults = std::mem::take(&mut *faults.lock().unwrap());
        assert!(faults.is_empty(), "{} faults, the first of them: {:#?}", faults.len(), &faults[..faults.len().min(12)]);
        let came = std::mem::take(&mut *came.lock().unwrap());
        let never: Vec<_> = WRITES.iter().filter(|write| !ONLY_TRIED.contains(write) && came.get(*write).is_none_or(|(_, succeeded)| *succeeded == 0)).collect();
        assert!(never.is_empty(), "these never came through: {never:?} of {came:?}");
        for (wrong, what) in NEVER {
            assert_eq!(count(&world, what), 0, "{wrong}");
        }
        crate::audit::whole(&world.store).await;
        world.changes().await;
    }
}
