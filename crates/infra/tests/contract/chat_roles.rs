//! Every cell of the table of roles, through each method that does the action: what the table says is what happens.

use clowder_core::{ChatId, Ctx, Error, MessageId, PageRequest, Refusal, Result, Word};
use clowder_messaging::{
    ChatRole, ChatType, Rights,
    chat_analytics::{Day, Period, UtcOffset},
    entities::EntityType,
    invitations::{LinkId, Standing},
    moderation::{NewNotice, ReviewId, SanctionType},
    policy::{Action, Cell, Seat, TABLE, cell, may},
};
use serde_json::{Value, json};

use crate::{
    stress::of,
    world::{Person, World, on_both},
};

/// The code of a refusal by the table.
const REFUSED: [&str; 4] = ["chat.forbidden", "chat.private", "message.forbidden", "poll.forbidden"];

const HELD: &str = "zqheld";

/// Those who act, by role, and whom they act upon.
struct Cast {
    owner: Person,
    /// Who made the chats; nobody acts as them, so that every chat keeps an owner.
    founder: Person,
    admin: Person,
    member: Person,
    subscriber: Person,
    target: Person,
    outsider: Person,
}

/// A chat with all of them, and things in it that somebody may do something to.
struct Scene {
    id: ChatId,
    said: MessageId,
    poll: MessageId,
    link: Option<LinkId>,
    held: Option<ReviewId>,
}

impl Cast {
    async fn new(world: &World) -> Self {
        let names = ["ada", "bob", "cem", "dan", "eve", "fay", "gil"];
        let [owner, founder, admin, member, subscriber, target, outsider] = world.people(names).await;
        Self { owner, founder, admin, member, subscriber, target, outsider }
    }

    const fn actor(&self, role: ChatRole) -> &Person {
        match role {
            ChatRole::Owner => &self.owner,
            ChatRole::Admin => &self.admin,
            ChatRole::Member => &self.member,
            ChatRole::Subscriber => &self.subscriber,
        }
    }

    async fn scene(&self, world: &World, kind: ChatType) -> Scene {
        let (store, founder) = (&world.store, world.ctx(&self.founder));
        let others = [&self.owner, &self.admin, &self.member, &self.subscriber, &self.target].map(|one| one.id);
        let new = match kind {
            ChatType::Private => json!({"type": "private", "participant_ids": [self.target.id]}),
            _ => json!({"type": kind.as_str(), "title": "Lunch", "participant_ids": others}),
        };
        // Both people of a private chat may do the same.
        let maker = if kind == ChatType::Private { world.ctx(&self.owner) } else { founder.clone() };
        let id = store.messaging.create_chat(&maker, of(new)).await.unwrap().into_inner().id;
        let (mut link, mut held) = (None, None);
        if kind != ChatType::Private {
            let roles =
                [(&self.owner, "owner"), (&self.admin, "admin"), (&self.member, "member"), (&self.target, "member")];
            for (person, role) in roles {
                store.participants.set_role(&founder, id, person.id, of(json!({"role": role}))).await.unwrap();
            }
            link = store.invitations.invite(&founder, id, of(json!({}))).await.unwrap().link.map(|link| link.id);
            let filter = json!({"words": [HELD], "action": "hold", "reason": "a test"});
            store.moderation.set_filter(&founder, id, of(filter)).await.unwrap();
            world.try_say(&self.target, id, HELD, None).await.unwrap_err();
            let waiting = store.moderation.reviews(&founder, Some(id), PageRequest::default()).await.unwrap();
            held = waiting.items.first().map(|review| review.id);
        }
        let said = world.say(&self.target, id, "hello").await.id;
        let asked = json!({"content": "Which?", "type": "poll", "poll": {"options": ["Soup", "Rice"]}});
        let poll = store.messaging.send(&world.ctx(&self.target), id, of(asked)).await.unwrap().into_inner().id;
        Scene { id, said, poll, link, held }
    }
}

/// Whether the table allows it, for calls that may fail for another reason afterwards.
fn allows<T: std::fmt::Debug>(result: Result<T>) -> bool {
    match result {
        Ok(_) => true,
        Err(
            Error::Refused(Refusal { code, .. })
            | Error::Explained { refusal: Refusal { code, .. }, .. }
            | Error::Pointed { refusal: Refusal { code, .. }, .. },
        ) => !REFUSED.contains(&code),
        Err(error) => panic!("{error:?}"),
    }
}

/// Does the action in each of the ways there are, and says of each whether it was allowed.
async fn ways(world: &World, cast: &Cast, scene: &Scene, who: &Person, action: Action) -> Vec<(&'static str, bool)> {
    let (store, ctx, chat) = (&world.store, world.ctx(who), scene.id);
    let (page, because) = (PageRequest::default, json!("a test"));
    let about = |more: Value| {
        let mut body = json!({"user_id": cast.target.id, "reason": because});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let on_chat = |patch: Value| store.chats.edit_chat(&ctx, chat, None, of(patch));
    let (moderation, invitations, keeping) = (&store.moderation, &store.invitations, &store.keeping);
    match action {
        Action::Post => {
            let later = json!({"content": "later", "send_at": world.now().plus(std::time::Duration::from_secs(3600))});
            vec![
                ("send", allows(world.try_say(who, chat, "hello", None).await)),
                ("schedule", allows(store.scheduled.schedule(&ctx, chat, of(later)).await)),
                ("may_type", allows(store.messaging.may_type(&ctx, chat).await)),
            ]
        }
        Action::MentionAll => {
            let sent = world.try_say(who, chat, "@all", None).await.map(clowder_core::Made::into_inner);
            let mentions =
                sent.is_ok_and(|sent| sent.entities.iter().any(|entity| entity.kind == EntityType::MentionAll));
            vec![("send", mentions)]
        }
        Action::Pin => vec![
            ("pin", allows(keeping.pin(&ctx, scene.said).await)),
            ("order_pins", allows(keeping.order_pins(&ctx, chat, of(json!({"message_ids": [scene.said]}))).await)),
            ("unpin", allows(keeping.unpin(&ctx, scene.said).await)),
        ],
        Action::Edit => vec![
            ("title", allows(on_chat(json!({"title": "Dinner"})).await)),
            ("description", allows(on_chat(json!({"description": "Every day"})).await)),
        ],
        Action::Configure => vec![
            ("visibility", allows(on_chat(json!({"visibility": "public"})).await)),
            ("history", allows(on_chat(json!({"history": "since_join"})).await)),
            ("rights", allows(on_chat(json!({"rights": {"edit": true}})).await)),
        ],
        Action::SetLifetime => {
            let lifetime = json!({"seconds": 3600});
            vec![
                ("edit_chat", allows(on_chat(json!({"lifetime": lifetime})).await)),
                ("set_lifetime", {
                    let new = of(json!({"lifetime": lifetime}));
                    allows(store.lifetimes.set_lifetime(&ctx, chat, None, new).await)
                }),
            ]
        }
        Action::SeePeople => vec![
            ("participants", {
                let all = clowder_messaging::participants::PeopleFilter::default();
                allows(store.participants.participants(&ctx, chat, all, page()).await)
            }),
            ("reactions", allows(store.messaging.reactions(&ctx, scene.said, None, page()).await)),
            ("voters", allows(store.polls.voters(&ctx, scene.poll, None, page()).await)),
        ],
        Action::Add => {
            vec![("add", allows(store.participants.add(&ctx, chat, of(json!({"user_ids": [cast.outsider.id]}))).await))]
        }
        Action::Invite => vec![
            // At least those that they have made.
            ("links", allows(invitations.links(&ctx, chat, page()).await)),
            ("a link", allows(invitations.invite(&ctx, chat, of(json!({}))).await)),
            ("a person", allows(invitations.invite(&ctx, chat, of(json!({"user_ids": [cast.outsider.id]}))).await)),
        ],
        Action::Admit => {
            let outsider = cast.outsider.id;
            let mut ways = vec![
                ("guests", allows(invitations.guests(&ctx, chat, Standing::Pending, page()).await)),
                ("withdraw", allows(invitations.withdraw(&ctx, chat, outsider).await)),
                ("decide", allows(invitations.decide(&ctx, chat, outsider, of(json!({"action": "approve"}))).await)),
            ];
            if let Some(link) = scene.link {
                ways.push(("revoke", allows(invitations.revoke(&ctx, chat, link).await)));
            }
            ways
        }
        Action::Remove => {
            let reason = of::<NewNotice>(json!({"reason": because})).reason.unwrap();
            vec![
                ("take_out", allows(moderation.take_out(&ctx, chat, cast.target.id, reason).await)),
                ("remove", {
                    // They have gone by now, if that was allowed.
                    let back = of(json!({"user_ids": [cast.target.id]}));
                    let _ = store.participants.add(&world.ctx(&cast.founder), chat, back).await;
                    allows(store.participants.remove(&ctx, chat, cast.target.id).await)
                }),
            ]
        }
        Action::Promote => {
            let admin = of(json!({"role": "admin"}));
            vec![("set_role", allows(store.participants.set_role(&ctx, chat, cast.target.id, admin).await))]
        }
        Action::Moderate => {
            let mut ways = vec![("purge", allows(moderation.purge(&ctx, chat, of(about(json!({})))).await))];
            let many = of(json!({"message_ids": [scene.said], "reason": because}));
            let outcomes = keeping.delete_messages(&ctx, chat, many).await;
            ways.push(("delete_messages", outcomes.is_ok_and(|outcomes| outcomes[0].problem.is_none())));
            ways.push(("close", allows(store.polls.close(&ctx, scene.poll).await)));
            let reason = of::<NewNotice>(json!({"reason": because})).reason.unwrap();
            ways.push(("delete_message", allows(moderation.delete_message(&ctx, scene.said, None, reason).await)));
            ways.push(("delete", allows(store.messaging.delete(&ctx, scene.poll, None).await)));
            ways
        }
        Action::Mute | Action::Ban => {
            let kind = if action == Action::Mute { SanctionType::Mute } else { SanctionType::Ban };
            let mut ways = vec![
                ("sanction", allows(moderation.sanction(&ctx, chat, kind, of(about(json!({})))).await)),
                ("sanctions", allows(moderation.sanctions(&ctx, chat, kind, page()).await)),
                ("lift", allows(moderation.lift(&ctx, chat, kind, of(about(json!({})))).await)),
            ];
            if action == Action::Ban {
                let limits = json!({"joins": 20, "seconds": 60, "hold_seconds": 3600});
                let brake = of(json!({"limits": limits, "reason": because}));
                ways.push(("set_brake", allows(moderation.set_brake(&ctx, chat, brake).await)));
            }
            ways
        }
        Action::Review => {
            let mut ways = vec![
                ("rules", allows(moderation.rules(&ctx, chat).await)),
                (
                    "slow_down",
                    allows(moderation.slow_down(&ctx, chat, of(json!({"seconds": 30, "reason": because}))).await),
                ),
                ("set_filter", {
                    let filter = of(json!({"words": [HELD], "action": "hold", "reason": because}));
                    allows(moderation.set_filter(&ctx, chat, filter).await)
                }),
                ("reviews", allows(moderation.reviews(&ctx, Some(chat), page()).await)),
            ];
            if let Some(held) = scene.held {
                let verdict = of(json!({"action": "reject", "reason": because}));
                ways.push((
                    "decide_review",
                    allows(moderation.decide_review(&ctx, Some(chat), held, None, verdict).await),
                ));
            }
            ways
        }
        Action::Analyse => {
            let offset = UtcOffset::parse("+00:00").unwrap();
            let today = Day::of(world.now(), offset);
            let period = Period { from: today.plus(-1), to: today, offset };
            vec![("chat_analytics", allows(store.chat_analytics.chat_analytics(&ctx, chat, period).await))]
        }
        Action::Transfer => {
            vec![("transfer", allows(store.chats.transfer(&ctx, chat, of(json!({"user_id": cast.target.id}))).await))]
        }
        // Others leave by the same call.
        Action::Delete => {
            let done = allows(store.chats.delete_chat(&ctx, chat, None).await);
            let gone = store.messaging.chat(&world.ctx(&cast.target), chat).await.is_err();
            vec![("delete_chat", done && gone)]
        }
        Action::Leave => vec![("leave", allows(store.participants.remove(&ctx, chat, who.id).await))],
    }
}

/// What the chat gives its members: for a right, this one alone and all but this one; for anything else, what must make no
/// difference.
fn rights(action: Action, cell: Cell) -> Vec<Rights> {
    let all = Rights { post: true, mention_all: true, pin: true, edit: true, add: true, invite: true };
    let none = Rights { post: false, mention_all: false, pin: false, edit: false, add: false, invite: false };
    // Nobody mentions anybody without writing.
    let alone = match action {
        Action::Post => Rights { post: true, ..none },
        Action::MentionAll => Rights { mention_all: true, post: true, ..none },
        Action::Pin => Rights { pin: true, ..none },
        Action::Edit => Rights { edit: true, ..none },
        Action::Add => Rights { add: true, ..none },
        Action::Invite => Rights { invite: true, ..none },
        _ => none,
    };
    let others = match action {
        Action::MentionAll => Rights { mention_all: false, ..all },
        _ => Rights {
            post: !alone.post,
            mention_all: !alone.mention_all,
            pin: !alone.pin,
            edit: !alone.edit,
            add: !alone.add,
            invite: !alone.invite,
        },
    };
    match cell {
        Cell::Chosen => vec![alone, others],
        Cell::Yes => vec![none],
        Cell::No => vec![all],
    }
}

/// After these a chat is another one.
const fn spends(action: Action) -> bool {
    !matches!(
        action,
        Action::Post | Action::MentionAll | Action::Pin | Action::Edit | Action::SeePeople | Action::Analyse
    )
}

/// The ways in which something happened that the table does not say.
async fn differences(world: &World, kind: ChatType, roles: &[ChatRole]) -> Vec<String> {
    let cast = Cast::new(world).await;
    let (mut found, mut scene, mut cells) = (Vec::new(), None, 0);
    let founder = || -> Ctx { world.ctx(&cast.founder) };
    for &(action, what, _) in TABLE {
        for &role in roles {
            for rights in rights(action, cell(kind, role, action)) {
                let here = match scene.take() {
                    Some(here) => here,
                    None => cast.scene(world, kind).await,
                };
                if kind != ChatType::Private {
                    let patch = of(json!({"rights": rights}));
                    world.store.chats.edit_chat(&founder(), here.id, None, patch).await.unwrap();
                }
                let expected = may(Seat { kind, role, rights, of_group: false }, action);
                let who = if kind == ChatType::Private { &cast.owner } else { cast.actor(role) };
                let ways = ways(world, &cast, &here, who, action).await;
                let wrong = ways.into_iter().filter(|(_, allowed)| *allowed != expected);
                found.extend(wrong.map(|(way, _)| format!("{what}, {role:?}, {rights:?}, by {way}: not {expected}")));
                cells += 1;
                if !(expected && spends(action)) && (action != Action::Delete || kind == ChatType::Private) {
                    scene = Some(here);
                }
            }
        }
    }
    assert!(cells >= TABLE.len() * roles.len());
    found
}

on_both! {
    async fn private_chats_follow_the_table(world: World) {
        assert_eq!(differences(&world, ChatType::Private, &[ChatRole::Member]).await, Vec::<String>::new());
    }

    async fn groups_follow_the_table(world: World) {
        let roles = [ChatRole::Owner, ChatRole::Admin, ChatRole::Member];
        assert_eq!(differences(&world, ChatType::Group, &roles).await, Vec::<String>::new());
    }

    async fn channels_follow_the_table(world: World) {
        let roles = [ChatRole::Owner, ChatRole::Admin, ChatRole::Member, ChatRole::Subscriber];
        assert_eq!(differences(&world, ChatType::Channel, &roles).await, Vec::<String>::new());
    }
}
