//! Messaging over the database: each method is one transaction; `send` and `read` share their commits with others.

pub mod apart;
pub mod attached;
pub mod chats;
pub mod closing;
pub mod create_chat;
pub mod edit;
pub mod finding;
mod logged;
pub mod membership;
pub mod mentioned;
pub mod messages;
pub mod previews;
pub mod privacy;
pub mod reacted;
mod reactions;
mod read;
pub mod receipts;
pub mod removed;
pub mod reported;
pub mod send;
pub mod system;
pub mod titles;
mod unread;
pub mod wanted;
pub mod writes;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{
    ChatId, Ctx, Error, Id, Made, MessageId, Page, PageRequest, Result, UserId, Versions, error::Limit,
};
use clowder_messaging::{
    Chat, ChatFilter, Content, Deleted, Delivered, Edit, Emoji, Message, MessagePatch, Messaging, NewChat, NewMessage,
    NewRead, Reaction, Reactor, Read, Window, lifetimes::conceal, read::Onlookers, receipts::Receipt,
};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tracing::instrument;
use uuid::Uuid;
use writes::{ChatWrite, Written};

use super::{
    Repo,
    chats::notes,
    clock::{IN_ORDER, PRESENCE, SHOWN, never},
    db::{Db, Tx, TxServices},
    dialect::{self, Conn},
    domains::{Domain, Sweep},
    group_commit::GroupCommit,
    idempotency::Stub,
    moderation::screening::{self, Reading},
};
use crate::{
    domains::messaging::{ChatSummaries, Pages},
    store::{Memory, StoreDeps},
    turns::Turns,
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    activity: logged::RULES,
    followed: &[chats::FOLLOWED],
    watched: chats::partners,
    conceal: removed::conceal,
    words: &[
        "chats.history",
        "chats.type",
        "chats.visibility",
        "message_attachments.type",
        "message_reaction_counts.emoji",
        "message_reactions.emoji",
        "messages.type",
        "participants.notify",
        "participants.role",
    ],
    told: &[
        ("chat_words.word", "one word of a title, which may be part of any text"),
        (
            "chats.description",
            "what everybody was told when they came stays for as long as the journal keeps it, or the chat",
        ),
        (
            "chats.title",
            "what everybody was told when they came stays for as long as the journal keeps it, or the chat",
        ),
        ("message_reactions.emoji", "one of a few thousand signs; taking it back is told with the same sign"),
        ("message_reaction_counts.emoji", "the same"),
    ],
    files: &[attached::HOLDER],
    sweeps: &[Sweep::Steps(|repo, ctx, _| Box::pin(reacted::forget(repo, ctx)))],
    times: &[
        never("chats.active_at", "must not go backwards within a chat, so it stays ahead until the clock catches up"),
        never("chats.created_at", SHOWN),
        never("chats.deleted_at", "only whether there is one matters"),
        never("former_participants.spoke_at", "as in participants"),
        never("message_edits.written_at", IN_ORDER),
        never("message_reaction_counts.since", SHOWN),
        never("message_mentions.sent_at", IN_ORDER),
        never("message_mentions_all.sent_at", IN_ORDER),
        never("message_reactions.reacted_at", SHOWN),
        never("messages.created_at", IN_ORDER),
        never("messages.deleted_at", PRESENCE),
        never("messages.edited_at", SHOWN),
        never("messages.expires_at", "its readers were told this time, and it must not be gone earlier"),
        never("receipts.at", SHOWN),
        never("participants.joined_at", SHOWN),
        never("participants.muted_until", "chosen by a person"),
        never("participants.silent_until", "chosen by a person"),
        never("participants.spoke_at", "what lies further ahead than the pause does not count"),
    ],
    workers: |repo| vec![Arc::new(previews::Previewer(Arc::clone(repo)))],
    ..Domain::NONE
};

/// What an open store keeps for messaging.
pub struct State {
    /// Turns of the read marks of one person in a chat.
    marks: Turns<Vec<u8>>,
    /// Turns of those who make chats.
    creators: Turns<UserId>,
    writes: GroupCommit<ChatWrite>,
    db: Db,
    caches: Caches,
    /// What pages say of themselves to which messages link.
    pages: Pages,
}

/// What this process knows without a query. Transactions use none of it, because they may be rolled back.
#[derive(Clone)]
pub struct Caches {
    people: Memory,
    summaries: Arc<ChatSummaries>,
}

impl Caches {
    pub const fn people(&self) -> &Memory {
        &self.people
    }
}

fn take_gesture(services: &TxServices, ctx: &Ctx, chat: ChatId) -> Result<()> {
    let full = services.gestures.take(chat, ctx.user()?, ctx.now);
    full.map_err(|retry_after| Error::TooMany { limit: Limit::Gestures, retry_after })
}

/// Counts what a transaction is about to change in a chat by a gesture: everybody is told, so nobody does it without pause.
pub fn gesture(tx: &Tx<'_>, ctx: &Ctx, chat: ChatId) -> Result<()> {
    take_gesture(tx.services, ctx, chat)
}

/// Counts that a transaction is about to change something of which others are told: a chat, a group under its chat, a pet,
/// or what is between the caller and somebody else.
pub fn change<P>(tx: &Tx<'_>, ctx: &Ctx, place: Id<P>) -> Result<()> {
    let full = tx.services.changes.take(place, ctx.user()?, ctx.now);
    full.map_err(|retry_after| Error::TooMany { limit: Limit::Changes, retry_after })
}

impl State {
    pub fn new(db: &Db, deps: &StoreDeps) -> Self {
        let options = &deps.options.database;
        // Half of the writing workers are reserved for everything else.
        let jobs = options.write_connections / 2;
        let writes = GroupCommit::new(db.clone(), options.batch, jobs, dialect::answer_within(options));
        let caches = Caches { people: deps.memory.clone(), summaries: Arc::default() };
        Self {
            marks: Turns::new(1, options.patience),
            creators: Turns::new(1, options.patience),
            writes,
            db: db.clone(),
            caches,
            pages: Pages::default(),
        }
    }

    /// Counts a message that somebody is about to send, before anything waits or is written: whoever sends too much is
    /// refused at once, and delays nobody else. Every way of sending that people cause directly goes through it.
    pub fn pace(&self, ctx: &Ctx, chat: ChatId) -> Result<()> {
        let full = self.db.services().paces.take(chat, ctx.user()?, ctx.now);
        full.map_err(|retry_after| Error::TooMany { limit: Limit::Messages, retry_after })
    }

    /// The same for a reaction or a vote that is about to be written.
    pub fn pace_gesture(&self, ctx: &Ctx, chat: ChatId) -> Result<()> {
        take_gesture(self.db.services(), ctx, chat)
    }

    /// What was not written after all costs no pace.
    pub fn unless_refused<T>(&self, ctx: &Ctx, chat: ChatId, written: Result<T>) -> Result<T> {
        if written.is_err() {
            self.db.services().gestures.give_back(chat, ctx.user()?);
        }
        written
    }

    /// Waits for somebody's turn to create a chat, which lasts until the returned value is dropped.
    pub async fn creating(&self, creator: UserId) -> Result<OwnedSemaphorePermit> {
        self.creators.one(creator).await
    }

    /// The journal is another one.
    pub fn start_anew(&self) {
        self.caches.summaries.clear();
        self.db.services().screens.start_anew();
    }
}

/// How often moving a read mark starts over because the same person's mark was moved on another node.
const READ_ATTEMPTS: usize = 4;

#[async_trait]
impl Messaging for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn create_chat(&self, ctx: &Ctx, new: NewChat) -> Result<Made<Chat>> {
        let (caller, viewer) = (ctx.clone(), ctx.user()?);
        // One person's chats are created one after another: many concurrent calls occupy one connection and not all.
        let _turn = self.messaging.creating(viewer).await?;
        let again_by = caller.clone();
        let first = move |tx: &mut Tx<'_>| {
            let made = create_chat::create_chat(tx, &caller, new.clone(), None)?;
            let stub = Stored::of(&made, |chat| chat.id.uuid());
            Ok((made, stub))
        };
        let again =
            move |tx: &mut Tx<'_>, stub: Stored| stub.again(|id| notes::whole(tx, &again_by, ChatId::from_uuid(id)));
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn chats(&self, ctx: &Ctx, filter: ChatFilter, page: PageRequest) -> Result<Page<Chat>> {
        let viewer = ctx.user()?;
        let (ring, now) = (self.db.ring(), ctx.now);
        self.look(move |conn, caches| {
            let found = match &filter.search {
                Some(search) => Some(finding::own(conn, &ring, viewer, search)?),
                None => None,
            };
            let asked = chats::Asked { viewer, now, filter: &filter, found: found.as_deref() };
            let mut page = chats::list(conn, Some(caches), &asked, &page)?;
            notes::fill(conn, &ring, viewer, &mut page.items)?;
            page.items.iter_mut().filter_map(|chat| chat.last_message.as_mut()).for_each(|last| conceal(last, now));
            Ok(page)
        })
        .await
    }

    #[instrument(level = "debug", skip_all)]
    async fn chat(&self, ctx: &Ctx, chat: ChatId) -> Result<Chat> {
        let viewer = ctx.user()?;
        let (ring, now) = (self.db.ring(), ctx.now);
        self.look(move |conn, caches| {
            let mut chat = chats::one(conn, Some(caches), viewer, now, chat)?;
            notes::fill(conn, &ring, viewer, std::slice::from_mut(&mut chat))?;
            chat.last_message.iter_mut().for_each(|last| conceal(last, now));
            Ok(chat)
        })
        .await
    }

    #[instrument(level = "debug", skip_all)]
    async fn may_type(&self, ctx: &Ctx, chat: ChatId) -> Result<Onlookers> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| chats::may_type(conn, viewer, now, chat)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn send(&self, ctx: &Ctx, chat: ChatId, new: NewMessage) -> Result<Made<Message>> {
        self.messaging.pace(ctx, chat)?;
        let send = Arc::new(send::PendingSend::new(ctx, chat, new, &self.deps.keys)?);
        // Here, because locks are held where it is needed.
        screening::look(&self.db, chat, send.reading()).await?;
        for _ in 0..screening::ATTEMPTS {
            match self.messaging.writes.write(ChatWrite::Send(Arc::clone(&send))).await?.sent()? {
                Some(made) => return Ok(made),
                None => screening::catch_up(&self.db, send.reading()).await?,
            }
        }
        Err(screening::changes_all_the_time())
    }

    #[instrument(level = "debug", skip_all)]
    async fn messages(&self, ctx: &Ctx, chat: ChatId, window: Window, limit: u32) -> Result<Page<Message>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.look(move |conn, caches| {
            let mut page = messages::page(conn, Some(&caches.people), (viewer, now), chat, window, limit)?;
            page.items.iter_mut().for_each(|message| conceal(message, now));
            Ok(page)
        })
        .await
    }

    #[instrument(level = "debug", skip_all)]
    async fn message(&self, ctx: &Ctx, message: MessageId) -> Result<Message> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.look(move |conn, caches| {
            let mut message = messages::one(conn, Some(&caches.people), viewer, now, message)?;
            conceal(&mut message, now);
            Ok(message)
        })
        .await
    }

    #[instrument(level = "debug", skip_all)]
    async fn edit(
        &self,
        ctx: &Ctx,
        message: MessageId,
        version: Option<Versions>,
        patch: MessagePatch,
    ) -> Result<Message> {
        let text = patch.content.as_ref().map(Content::as_str).unwrap_or_default();
        let (reading, wanted) = (Arc::new(Reading::new(text)), mentioned::wanted(text, &[]));
        for _ in 0..screening::ATTEMPTS {
            let (ctx, version, patch) = (ctx.clone(), version.clone(), patch.clone());
            let (wanted, tried) = (wanted.clone(), Arc::clone(&reading));
            let edit = move |tx: &mut Tx<'_>| {
                edit::edit(tx, &ctx, message, version.clone(), patch.clone(), wanted.clone(), &tried)
            };
            match self.db.write(edit).await? {
                Some(message) => return Ok(message),
                None => screening::catch_up(&self.db, &reading).await?,
            }
        }
        Err(screening::changes_all_the_time())
    }

    #[instrument(level = "debug", skip_all)]
    async fn delete(&self, ctx: &Ctx, message: MessageId, version: Option<Versions>) -> Result<Deleted> {
        let ctx = ctx.clone();
        self.db.write(move |tx| edit::delete(tx, &ctx, message, version.clone(), None)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn history(&self, ctx: &Ctx, message: MessageId, page: PageRequest) -> Result<Page<Edit>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.look(move |conn, caches| messages::history(conn, Some(&caches.people), viewer, now, message, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn react(&self, ctx: &Ctx, message: MessageId, emoji: Emoji) -> Result<Reaction> {
        self.set_reaction(ctx, message, emoji, true).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn unreact(&self, ctx: &Ctx, message: MessageId, emoji: Emoji) -> Result<Reaction> {
        self.set_reaction(ctx, message, emoji, false).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn reactions(
        &self,
        ctx: &Ctx,
        message: MessageId,
        emoji: Option<Emoji>,
        page: PageRequest,
    ) -> Result<Page<Reactor>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        let look = move |conn: &mut Conn, caches: &Caches| {
            reacted::page(conn, Some(&caches.people), viewer, now, message, emoji.as_ref(), &page)
        };
        self.look(look).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn read(&self, ctx: &Ctx, chat: ChatId, new: NewRead) -> Result<Read> {
        let user = ctx.user()?;
        // The marks of one person in a chat wait for each other here: each sees the result of the previous one, and no
        // message is counted twice.
        let mark = [chat.uuid().into_bytes(), user.uuid().into_bytes()].concat();
        self.messaging.marks.hold(vec![mark], self.move_mark(ctx, user, chat, new)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn mentions(&self, ctx: &Ctx, chat: ChatId, page: PageRequest) -> Result<Page<Message>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.look(move |conn, caches| mentioned::page(conn, Some(&caches.people), viewer, now, chat, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn all_mentions(&self, ctx: &Ctx, unread: Option<bool>, page: PageRequest) -> Result<Page<Message>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.look(move |conn, caches| mentioned::all(conn, Some(&caches.people), (viewer, now), unread, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn delivered(&self, ctx: &Ctx, chat: ChatId, new: NewRead) -> Result<Delivered> {
        let caller = ctx.clone();
        match self.db.read(move |conn| receipts::plan(conn, &caller, chat, new)).await? {
            receipts::Plan::Stay(delivered) => Ok(delivered),
            receipts::Plan::Move(pending) => {
                self.messaging.writes.write(ChatWrite::Deliver(pending)).await?.delivered()
            }
        }
    }

    #[instrument(level = "debug", skip_all)]
    async fn receipts(&self, ctx: &Ctx, message: MessageId, page: PageRequest) -> Result<Page<Receipt>> {
        let viewer = ctx.user()?;
        self.look(move |conn, caches| receipts::page(conn, Some(&caches.people), viewer, message, &page)).await
    }
}

/// What is stored of a created thing: its id, and whether it was new.
#[derive(Serialize, Deserialize)]
struct Stored {
    id: Uuid,
    new: bool,
}

impl Stub for Stored {}

impl Stored {
    fn of<T>(made: &Made<T>, id: impl FnOnce(&T) -> Uuid) -> Self {
        match made {
            Made::New(thing) => Self { id: id(thing), new: true },
            Made::Found(thing) => Self { id: id(thing), new: false },
        }
    }

    /// The answer to a repeated call: the thing as it is now.
    fn again<T>(self, load: impl FnOnce(Uuid) -> Result<T>) -> Result<Made<T>> {
        load(self.id).map(if self.new { Made::New } else { Made::Found })
    }
}

impl Repo {
    async fn move_mark(&self, ctx: &Ctx, user: UserId, chat: ChatId, new: NewRead) -> Result<Read> {
        for _ in 0..READ_ATTEMPTS {
            // A mark that stays needs no transaction, and everything is counted before anything is locked.
            let mut way = match self.db.read(move |conn| read::plan(conn, chat, user, new)).await? {
                read::Plan::Stay(seq) => return Ok(Read { chat_id: chat, user_id: user, seq, at: ctx.now }),
                read::Plan::Move(way) => way,
            };
            while !way.is_counted() {
                way = self.db.read(move |conn| way.count(conn)).await?;
            }
            let mark = ChatWrite::Mark(read::PendingMark::new(ctx, way));
            if let Some(read) = self.messaging.writes.write(mark).await?.marked()? {
                return Ok(read);
            }
        }
        Err(Error::unavailable("too many calls move the read mark at once"))
    }

    async fn set_reaction(&self, ctx: &Ctx, message: MessageId, emoji: Emoji, add: bool) -> Result<Reaction> {
        let caller = ctx.clone();
        // What is as it should be needs no transaction.
        let plan = self.db.read(move |conn| reactions::plan(conn, &caller, message, emoji.clone(), add));
        match plan.await? {
            reactions::Plan::Stay(reaction) => Ok(reaction),
            reactions::Plan::Change(pending) => {
                let chat = pending.key().0;
                self.messaging.pace_gesture(ctx, chat)?;
                let written = self.messaging.writes.write(ChatWrite::React(pending)).await;
                self.messaging.unless_refused(ctx, chat, written)?.reacted()
            }
        }
    }

    /// Writes something in a chat, and shares the commit with others.
    pub async fn write_in_chat(&self, write: ChatWrite) -> Result<Written> {
        self.messaging.writes.write(write).await
    }

    /// Reads, with what this process knows of people.
    pub async fn look_at_people<T: Send + 'static>(
        &self,
        f: impl Fn(&mut Conn, &Memory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.look(move |conn, caches| f(conn, &caches.people)).await
    }

    /// Reads, with the caches of this process.
    pub async fn look<T: Send + 'static>(
        &self,
        f: impl Fn(&mut Conn, &Caches) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let caches = self.messaging.caches.clone();
        self.db.read(move |conn| f(conn, &caches)).await
    }
}
