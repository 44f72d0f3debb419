//! What the tests of all domains need to know about moderation.

use clowder_core::{ChatId, Error, PageRequest, Result, deletion::DeletionStatus};
use clowder_infra::Store;
use clowder_messaging::moderation::{
    NewBrake, NewFilter, NewLifting, NewNotice, NewPurge, NewReviewVerdict, NewSanction, NewSlowMode, SanctionType,
};
use serde_json::json;

use crate::{
    chats::domain::{crowd, unless_others_were_faster},
    copies::once,
    domains::Domain,
    privacy::work,
    stress::{NOTHING_TO_DO, Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Moderation::sanction",
        "Moderation::lift",
        "Moderation::slow_down",
        "Moderation::set_filter",
        "Moderation::set_brake",
        "Moderation::examine_review",
        "Moderation::decide_review",
        "Moderation::purge",
        "Moderation::withdraw_held",
        "Moderation::delete_message",
        "Moderation::take_out",
        "Moderation::set_server_filter",
    ],
    reads: &[
        "Moderation::rules",
        "Moderation::sanctions",
        "Moderation::own_sanctions",
        "Moderation::reviews",
        "Moderation::held_messages",
        "Moderation::log",
        "Moderation::purge_progress",
        "Moderation::server_filter",
    ],
    perform,
    keeps,
    repeats,
    ids: &["chat_purges.id", "chat_sanctions.id", "message_reviews.id", "word_filters.id"],
    never: &[
        (
            "somebody in a chat who is banned from it",
            "chat_sanctions s JOIN participants p ON p.chat_id = s.chat_id AND p.user_id = s.user_id \
             WHERE s.kind = 'ban' AND s.lifted_at IS NULL",
        ),
        (
            "a mute that does not keep somebody silent",
            "chat_sanctions s JOIN participants p ON p.chat_id = s.chat_id AND p.user_id = s.user_id \
             WHERE s.kind = 'mute' AND s.lifted_at IS NULL AND p.silent_until IS NULL",
        ),
        (
            "somebody silent without a mute",
            "participants p WHERE p.silent_until IS NOT NULL AND NOT EXISTS (SELECT 1 FROM chat_sanctions s \
             WHERE s.chat_id = p.chat_id AND s.user_id = p.user_id AND s.kind = 'mute' AND s.lifted_at IS NULL)",
        ),
        ("a held message without its text", "message_reviews r WHERE (r.kind = 'held') <> (r.content IS NOT NULL)"),
        (
            "a message that is listed for review and gone",
            "message_reviews r JOIN messages m ON m.chat_id = r.chat_id AND m.seq = r.seq \
             WHERE r.kind = 'flagged' AND m.deleted_at IS NOT NULL",
        ),
        (
            "a filter of which its chat does not know the version",
            "word_filters f JOIN chats c ON c.id = f.id WHERE c.filter_version NOT IN (0, f.version) \
             OR (c.filter_version = 0) <> (f.words = '')",
        ),
    ],
    ..Domain::NONE
};

/// Somebody is muted, and something of theirs is held.
fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let owner = world.person("moderating").await;
        let chat = world.group(&owner, &[ada]).await.id;
        let (moderation, ctx) = (&world.store.moderation, world.ctx(&owner));
        let filter = json!({"words": ["casino"], "action": "hold", "reason": "a test"});
        moderation.set_filter(&ctx, chat, of::<NewFilter>(filter)).await?;
        held(world.try_say(ada, chat, "a peculiar casino", None).await.map(drop))?;
        let mute = json!({"user_id": ada.id, "reason": "a peculiar reason"});
        moderation.sanction(&ctx, chat, SanctionType::Mute, of::<NewSanction>(mute)).await.map(drop)
    })
}

fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let other = world.person("moderated").await;
        let chat = world.group(ada, &[&other]).await.id;
        world.say(&other, chat, "to be purged").await;
        let moderation = &world.store.moderation;
        for (kind, key) in [(SanctionType::Mute, "mute"), (SanctionType::Ban, "ban")] {
            let new = || of::<NewSanction>(json!({"user_id": other.id, "reason": "a test"}));
            let made = moderation.sanction(&once(world.ctx(ada), key), chat, kind, new()).await?;
            let lifting = of::<NewLifting>(json!({"user_id": other.id, "reason": "a test"}));
            moderation.lift(&world.ctx(ada), chat, kind, lifting).await?;
            let again = moderation.sanction(&once(world.ctx(ada), key), chat, kind, new()).await?;
            assert_eq!((again.id, again.lifted_at.is_some()), (made.id, true), "{key}");
        }
        let new = || of::<NewPurge>(json!({"user_id": other.id, "reason": "a test"}));
        let made = moderation.purge(&once(world.ctx(ada), "purge"), chat, new()).await?;
        work(world, &world.store).await;
        let again = moderation.purge(&once(world.ctx(ada), "purge"), chat, new()).await?;
        assert_eq!((again.id, again.status, again.deleted), (made.id, DeletionStatus::Done, 1));
        Ok(())
    })
}

/// It waits for approval.
fn held(sent: Result<()>) -> Result<()> {
    match sent {
        Err(Error::Refused(refusal)) if refusal.code == "message.held" => Ok(()),
        Ok(()) => panic!("it must be held"),
        other => other,
    }
}

async fn sanction(
    store: &Store,
    scene: (&clowder_core::Ctx, ChatId),
    kind: SanctionType,
    new: NewSanction,
) -> Result<()> {
    store.moderation.sanction(scene.0, scene.1, kind, new).await.map(drop)
}

fn perform<'a>(mut scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let (owner, chat) = crowd(&mut scene).await?;
        let Scene { stage, store, who, admin, dice, .. } = scene;
        let (moderation, staff) = (&store.moderation, stage.ctx(owner));
        let other = stage.members[2 + (who - 1) % 4].id;
        let kind = [SanctionType::Mute, SanctionType::Ban][dice.below(2)];
        let sanctioning = || of::<NewSanction>(json!({"user_id": other, "reason": stage.fresh("because ")}));
        let lifting = || of::<NewLifting>(json!({"user_id": other, "reason": stage.fresh("because ")}));
        let because = || of::<NewNotice>(json!({"reason": stage.fresh("because ")})).reason.unwrap();
        let page = PageRequest::default;
        let verdict = ["approve", "reject"][dice.below(2)];
        let verdict = || of::<NewReviewVerdict>(json!({"action": verdict, "reason": stage.fresh("because ")}));
        // Its owner is exempt from the filter of a chat.
        let speaker = if owner == who { 2 + (who - 1) % 4 } else { who };
        let action = ["hold", "flag"][dice.below(2)];
        let filter = |words: &[&str]| of::<NewFilter>(json!({"words": words, "action": action, "reason": "a test"}));
        let say = async |word: &str| {
            let new = of(json!({"content": stage.fresh(word)}));
            store.messaging.send(&stage.ctx(speaker), chat, new).await.map(drop)
        };
        let outcome = async {
            match write {
                // Nobody stays banned, so that the others find somebody to write with.
                "Moderation::sanction" => match sanction(store, (&staff, chat), kind, sanctioning()).await {
                    Ok(()) => moderation.lift(&staff, chat, kind, lifting()).await,
                    refused => refused,
                },
                "Moderation::lift" => moderation.lift(&staff, chat, kind, lifting()).await,
                "Moderation::slow_down" => {
                    let new = json!({"seconds": dice.below(2), "reason": "a test"});
                    moderation.slow_down(&staff, chat, of::<NewSlowMode>(new)).await.map(drop)
                }
                "Moderation::set_filter" => {
                    let words: &[&str] = if dice.below(2) == 0 { &["casino"] } else { &[] };
                    moderation.set_filter(&staff, chat, filter(words)).await.map(drop)
                }
                "Moderation::set_brake" => {
                    let limits = json!({"joins": 1 + dice.below(3), "seconds": 60, "hold_seconds": 60});
                    let limits = if dice.below(2) == 0 { limits } else { json!(null) };
                    let new = of::<NewBrake>(json!({"limits": limits, "reason": "a test"}));
                    moderation.set_brake(&staff, chat, new).await.map(drop)
                }
                "Moderation::decide_review" => {
                    // Another word than the server catches, which would decide about it then.
                    moderation.set_filter(&staff, chat, filter(&["roulette"])).await?;
                    drop(say("roulette ").await);
                    match moderation.reviews(&staff, Some(chat), page()).await?.items.first() {
                        Some(review) => moderation.decide_review(&staff, Some(chat), review.id, None, verdict()).await,
                        None => Err(NOTHING_TO_DO.into()),
                    }
                }
                "Moderation::withdraw_held" => {
                    moderation
                        .set_filter(
                            &staff,
                            chat,
                            of(json!({"words": ["blackjack"], "action": "hold", "reason": "a test"})),
                        )
                        .await?;
                    drop(say("blackjack ").await);
                    let author = stage.ctx(speaker);
                    match moderation.held_messages(&author, page()).await?.items.first() {
                        Some(held) => moderation.withdraw_held(&author, held.id).await,
                        None => Err(NOTHING_TO_DO.into()),
                    }
                }
                "Moderation::purge" => {
                    drop(say("spam ").await);
                    let user = stage.members[speaker].id;
                    let new = of::<NewPurge>(json!({"user_id": user, "reason": stage.fresh("because ")}));
                    moderation.purge(&staff, chat, new).await.map(drop)
                }
                "Moderation::delete_message" => {
                    let new = of(json!({"content": stage.fresh("gone ")}));
                    match store.messaging.send(&stage.ctx(speaker), chat, new).await {
                        Ok(said) => {
                            moderation.delete_message(&staff, said.into_inner().id, None, because()).await.map(drop)
                        }
                        Err(error) if error.is_ours() => Err(error),
                        Err(_) => Err(NOTHING_TO_DO.into()),
                    }
                }
                "Moderation::take_out" => moderation.take_out(&staff, chat, other, because()).await,
                "Moderation::examine_review" | "Moderation::set_server_filter" => {
                    moderation.set_server_filter(&admin, filter(&["casino"])).await?;
                    drop(say("casino ").await);
                    let first = moderation.reviews(&admin, None, page()).await?.items.first().map(|review| review.id);
                    match first {
                        Some(review) => {
                            moderation.examine_review(&admin, review).await?;
                            moderation.decide_review(&admin, None, review, None, verdict()).await
                        }
                        None => Err(NOTHING_TO_DO.into()),
                    }
                }
                other => panic!("nobody performs {other}"),
            }
        };
        let outcome = outcome.await;
        match outcome {
            Err(Error::TooEarly { .. }) => Err(NOTHING_TO_DO.into()),
            Err(Error::Refused(refusal)) if refusal.code.starts_with("message.") => Err(NOTHING_TO_DO.into()),
            outcome => unless_others_were_faster(outcome),
        }
    })
}
