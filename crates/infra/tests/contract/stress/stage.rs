//! The participants, what they compete for, and how each write is done.

mod people;

pub use people::kinds;

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use clowder_accounts::sign_up::{Mode, Rules};
use clowder_core::{Actor, ApiKeyId, ChatId, Ctx, Input, Kind, MessageId, Refusal, Result, UserId};
use clowder_infra::Store;
use serde_json::{Value, json};

use crate::{
    domains::DOMAINS,
    sealing::{NEW, OLD},
    world::World,
};

/// The write was not done: what it needs does not exist yet, or somebody else was faster.
pub const NOTHING_TO_DO: Refusal = Refusal::new(Kind::Unknown, "stress.nothing", "There is nothing to do it to");

pub const PASSWORD: &str = "correct horse";

pub struct Member {
    pub id: UserId,
    pub name: String,
    /// The session they act through; others end it now and then.
    pub actor: Mutex<Actor>,
    pub refresh: Mutex<String>,
    pub access: Mutex<String>,
    /// Recovery codes of the second factor that they sometimes have.
    pub codes: Mutex<Vec<String>>,
}

pub struct Stage {
    pub world: Arc<World>,
    /// Processes over the same database: sign-up is open in the first, waits for approval in the second, and does not
    /// reveal who has an account in the third, which also encrypts with another key.
    pub stores: [Store; 3],
    pub members: Vec<Member>,
    pub chats: Vec<ChatId>,
    pub said: Mutex<Vec<(usize, MessageId)>>,
    /// Polls, each with the place of its author.
    pub asked: Mutex<Vec<(usize, MessageId)>>,
    pub tokens: Mutex<BTreeMap<&'static str, Vec<String>>>,
    pub api_keys: Mutex<Vec<(usize, ApiKeyId)>>,
    /// Who asked whom to be friends.
    pub friend_requests: Mutex<Vec<(usize, usize, clowder_social::FriendRequestId)>>,
    pub invites: Mutex<Vec<clowder_accounts::model::InviteId>>,
    /// Groups, each with the place of its first owner.
    pub groups: Mutex<Vec<(usize, clowder_social::groups::GroupId)>>,
    /// Chats whose people change, each with the place of its first owner.
    pub crowds: Mutex<Vec<(usize, ChatId)>>,
    pub others: Mutex<Vec<UserId>>,
    /// The users who registered last, with their unconfirmed addresses.
    pub newcomers: Mutex<Vec<(Actor, String)>>,
    /// How many jobs of each kind have been done.
    pub worked: Mutex<BTreeMap<&'static str, u32>>,
    pub count: AtomicU64,
}

/// Who performs a write, where, and with whom.
pub struct Scene<'a> {
    pub stage: &'a Stage,
    pub world: &'a World,
    pub store: &'a Store,
    /// The place of the member among all.
    pub who: usize,
    pub member: &'a Member,
    /// The member's call.
    pub ctx: Ctx,
    /// An administrator's call.
    pub admin: Ctx,
    /// The call of somebody who is not signed in.
    pub nobody: Ctx,
    pub chat: ChatId,
    pub dice: &'a mut Dice,
}

/// What becomes of a write; [`NOTHING_TO_DO`] when what it needs is not there.
pub type Performed<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// A pseudo-random sequence that is the same each time (SplitMix64).
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

/// A body, as a client sends it.
pub fn of<T: Input>(value: Value) -> T {
    T::from_json(value).unwrap_or_else(|error| panic!("{error:?}"))
}

impl Stage {
    pub async fn new(world: &Arc<World>) -> Self {
        let open = async |mode, reveal_taken, encryption_keys: String| {
            let node = world.node_with(|options| {
                options.sign_ups = Rules { mode, reveal_taken };
                options.encryption_keys = encryption_keys;
                // Without the hourly limit of emails, which would keep participants waiting.
                options.credentials.emails_an_hour = u32::MAX;
                options.media.scanner = Some(std::sync::Arc::new(crate::media::examining::Guard::default()));
                (options.groups.owned, options.groups.memberships) = (100_000, 100_000);
                // Some of them leave deletions to a job.
                options.groups.at_once = if reveal_taken { 200 } else { 0 };
                options.messaging.at_once = if matches!(mode, Mode::Approval) { 200 } else { 0 };
                options.messaging.link_previews = true;
                // A machine with much else to do is slow, which is no fault; a deadlock is found in a second.
                options.database.deadlines.lock = Duration::from_secs(20);
                options.database.deadlines.statement = Duration::from_secs(40);
                // More than there are tasks: when nearly all are in use, nobody waits long for a lock.
                options.database.write_connections = 18;
            });
            node.await
        };
        let stores = [
            open(Mode::Open, true, format!("{OLD},{NEW}")).await,
            open(Mode::Approval, true, format!("{OLD},{NEW}")).await,
            open(Mode::Open, false, format!("{NEW},{OLD}")).await,
        ];
        let mut members = Vec::new();
        // One administrator has an earlier id than most people, one a later: the order of locks depends on it.
        for name in ["rita", "ada", "bob", "eve", "dan", "boss"] {
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
        members[1..].rotate_right(1);
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
            asked: Mutex::default(),
            tokens: Mutex::default(),
            api_keys: Mutex::default(),
            friend_requests: Mutex::default(),
            invites: Mutex::default(),
            groups: Mutex::default(),
            crowds: Mutex::default(),
            others: Mutex::default(),
            newcomers: Mutex::default(),
            worked: Mutex::default(),
            count: AtomicU64::new(0),
        }
    }

    pub fn ctx(&self, who: usize) -> Ctx {
        Ctx::new(*self.members[who].actor.lock().unwrap(), self.world.now(), "test")
    }

    pub fn system(&self) -> Ctx {
        Ctx::new(Actor::System, self.world.now(), "job")
    }

    pub fn fresh(&self, what: &str) -> String {
        format!("{what}{}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    pub fn take<T>(list: &Mutex<Vec<T>>) -> Option<T> {
        list.lock().unwrap().pop()
    }

    /// The token that an email of this purpose brought, if there is one.
    pub fn token(&self, purpose: &str) -> Result<String> {
        let mut tokens = self.tokens.lock().unwrap();
        Ok(tokens.get_mut(purpose).and_then(Vec::pop).ok_or(NOTHING_TO_DO)?)
    }

    pub async fn perform(&self, write: &str, dice: &mut Dice) -> Result<()> {
        let world = &self.world;
        // A code of the second factor is accepted once in 30 seconds; an address gets one email a minute.
        world.wait(Duration::from_millis(100));
        // Several processes with different caches.
        let store = &self.stores[dice.below(3)];
        let who = 2 + dice.below(4);
        let (member, ctx) = (&self.members[who], self.ctx(who));
        let (admin, chat) = (self.ctx(dice.below(2)), self.chats[dice.below(3)]);
        let nobody = self.nobody(dice);
        let domain = DOMAINS.iter().find(|domain| domain.writes.contains(&write)).unwrap();
        (domain.perform)(Scene { stage: self, world, store, who, member, ctx, admin, nobody, chat, dice }, write).await
    }
}
