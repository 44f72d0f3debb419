//! Templates of chats over the database: each method is one transaction.

mod privacy;

use async_trait::async_trait;
use clowder_core::{
    ChatId, Ctx, Made, Page, PageRequest, Result, UserId, Versions,
    audit::{Entry, Target},
    versions,
};
use clowder_messaging::{
    Chat, ChatTemplates,
    chat_templates::{
        self, ChatTemplate, ChatTemplateId, NewFromTemplate, NewTemplate, TemplatePatch, TemplateScope, apply, may_add,
    },
    refusals::{CHAT_TEMPLATE_STALE, CHAT_TEMPLATE_UNKNOWN},
};
use diesel::{dsl::count_star, prelude::*};
use serde::{Deserialize, Serialize};
use tracing::instrument;

use super::{
    Repo, audit,
    chats::{hold::is_alive, notes},
    clock::{SHOWN, never},
    db::Tx,
    dialect::{self, Backend, Conn},
    domains::Domain,
    idempotency::Stub,
    messaging::create_chat::create_chat,
};
use crate::domains::messaging::{ChatTemplateRow, chat_templates as table};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    words: &["chat_templates.settings", "chat_templates.type"],
    times: &[never("chat_templates.created_at", SHOWN)],
    ..Domain::NONE
};

/// What is stored of a new template: its id.
#[derive(Serialize, Deserialize)]
struct Stored(ChatTemplateId);

impl Stub for Stored {}

/// What is stored of a new chat: its id.
#[derive(Serialize, Deserialize)]
struct StoredChat(ChatId);

impl Stub for StoredChat {}

#[async_trait]
impl ChatTemplates for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn create_template(&self, ctx: &Ctx, scope: TemplateScope, new: NewTemplate) -> Result<ChatTemplate> {
        let (caller, again_by) = (ctx.clone(), ctx.clone());
        let first = move |tx: &mut Tx<'_>| {
            let template = create(tx, &caller, scope, new.clone())?;
            let stub = Stored(template.id);
            Ok((template, stub))
        };
        let again = move |tx: &mut Tx<'_>, Stored(id): Stored| one(tx.conn, &again_by, id);
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn templates(
        &self,
        ctx: &Ctx,
        scope: Option<TemplateScope>,
        page: PageRequest,
    ) -> Result<Page<ChatTemplate>> {
        let viewer = ctx.user()?;
        self.db.read(move |conn| list(conn, viewer, scope, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn template(&self, ctx: &Ctx, id: ChatTemplateId) -> Result<ChatTemplate> {
        let ctx = ctx.clone();
        self.db.read(move |conn| one(conn, &ctx, id)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn edit_template(
        &self,
        ctx: &Ctx,
        scope: TemplateScope,
        id: ChatTemplateId,
        version: Option<Versions>,
        patch: TemplatePatch,
    ) -> Result<ChatTemplate> {
        let ctx = ctx.clone();
        self.db.write(move |tx| edit(tx, &ctx, scope, id, version.as_ref(), patch.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn delete_template(
        &self,
        ctx: &Ctx,
        scope: TemplateScope,
        id: ChatTemplateId,
        version: Option<Versions>,
    ) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| delete(tx, &ctx, scope, id, version.as_ref())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn create_from_template(&self, ctx: &Ctx, id: ChatTemplateId, new: NewFromTemplate) -> Result<Made<Chat>> {
        let _turn = self.messaging.creating(ctx.user()?).await?;
        let (caller, again_by) = (ctx.clone(), ctx.clone());
        let first = move |tx: &mut Tx<'_>| {
            let template = one(tx.conn, &caller, id)?;
            let (new, extras) = apply(template, new.clone())?;
            let made = create_chat(tx, &caller, new, Some(extras))?;
            let stub = match &made {
                Made::New(chat) | Made::Found(chat) => StoredChat(chat.id),
            };
            Ok((made, stub))
        };
        let again = move |tx: &mut Tx<'_>, StoredChat(id): StoredChat| notes::whole(tx, &again_by, id).map(Made::New);
        self.db.create(ctx, first, again).await
    }
}

/// Locks whoever the templates of a scope belong to, and answers who that is. Those of the server change one at a time.
fn hold(tx: &mut Tx<'_>, ctx: &Ctx, scope: TemplateScope) -> Result<Option<UserId>> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    if !is_alive(tx.conn, user)? {
        return Err(CHAT_TEMPLATE_UNKNOWN.into());
    }
    match scope {
        TemplateScope::Own => Ok(Some(user)),
        TemplateScope::Server => {
            dialect::lock_claim(tx.conn, OF_SERVER)?;
            Ok(None)
        }
    }
}

/// Under which the templates of the server are locked: the letters of their table.
const OF_SERVER: i64 = i64::from_be_bytes(*b"chattmpl");

/// All templates of somebody, or of the server.
fn of<'q>(owner: Option<UserId>) -> table::BoxedQuery<'q, Backend> {
    let all = table::table.into_boxed();
    match owner {
        Some(user) => all.filter(table::user_id.eq(user)),
        None => all.filter(table::user_id.is_null()),
    }
}

fn create(tx: &mut Tx<'_>, ctx: &Ctx, scope: TemplateScope, new: NewTemplate) -> Result<ChatTemplate> {
    let owner = hold(tx, ctx, scope)?;
    may_add(of(owner).select(count_star()).first(tx.conn)?)?;
    let template = chat_templates::new(ChatTemplateId::new(ctx.now), ctx.now, scope, new);
    diesel::insert_into(table::table).values(ChatTemplateRow::new(owner, &template)?).execute(tx.conn)?;
    if owner.is_none() {
        audit::record(tx, ctx, &Entry::new("chat_template.created").on(Target::of("chat_template", template.id)))?;
    }
    Ok(template)
}

fn list(
    conn: &mut Conn,
    viewer: UserId,
    scope: Option<TemplateScope>,
    page: &PageRequest,
) -> Result<Page<ChatTemplate>> {
    let mut some =
        table::table.order(table::id.desc()).limit(page.fetch()).select(ChatTemplateRow::as_select()).into_boxed();
    some = match scope {
        Some(TemplateScope::Own) => some.filter(table::user_id.eq(viewer)),
        Some(TemplateScope::Server) => some.filter(table::user_id.is_null()),
        None => some.filter(table::user_id.eq(viewer).or(table::user_id.is_null())),
    };
    if let Some(last) = page.id::<ChatTemplate>()? {
        some = some.filter(table::id.lt(last));
    }
    let rows: Vec<ChatTemplateRow> = some.load(conn)?;
    Page::fill(rows.into_iter().map(ChatTemplateRow::template), page, |template| template.id.to_string())
}

/// One that the caller sees.
fn one(conn: &mut Conn, ctx: &Ctx, id: ChatTemplateId) -> Result<ChatTemplate> {
    let seen = table::user_id.eq(ctx.user()?).or(table::user_id.is_null());
    let row = table::table.find(id).filter(seen).select(ChatTemplateRow::as_select()).first(conn).optional()?;
    row.ok_or(CHAT_TEMPLATE_UNKNOWN)?.template()
}

/// One of this scope that the caller may change.
fn held(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    scope: TemplateScope,
    id: ChatTemplateId,
) -> Result<(Option<UserId>, ChatTemplate)> {
    let owner = hold(tx, ctx, scope)?;
    let row = of(owner).filter(table::id.eq(id)).select(ChatTemplateRow::as_select()).first(tx.conn).optional()?;
    Ok((owner, row.ok_or(CHAT_TEMPLATE_UNKNOWN)?.template()?))
}

fn edit(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    scope: TemplateScope,
    id: ChatTemplateId,
    version: Option<&Versions>,
    patch: TemplatePatch,
) -> Result<ChatTemplate> {
    let (owner, before) = held(tx, ctx, scope, id)?;
    let Some(after) = chat_templates::edit(&before, version, patch)? else { return Ok(before) };
    let row = ChatTemplateRow::new(owner, &after)?;
    diesel::update(table::table.find(id)).set(&row).execute(tx.conn)?;
    tx.deleted_text = true;
    if owner.is_none() {
        audit::record(tx, ctx, &Entry::new("chat_template.changed").on(Target::of("chat_template", id)))?;
    }
    Ok(after)
}

fn delete(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    scope: TemplateScope,
    id: ChatTemplateId,
    version: Option<&Versions>,
) -> Result<()> {
    let (owner, before) = held(tx, ctx, scope, id)?;
    versions::check(version, before.version, CHAT_TEMPLATE_STALE)?;
    diesel::delete(table::table.find(id)).execute(tx.conn)?;
    tx.deleted_text = true;
    if owner.is_none() {
        audit::record(tx, ctx, &Entry::new("chat_template.deleted").on(Target::of("chat_template", id)))?;
    }
    Ok(())
}
