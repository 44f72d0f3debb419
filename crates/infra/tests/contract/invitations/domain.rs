//! What the tests of all domains need to know about invitations to chats.

use clowder_core::{Ctx, IdempotencyKey, link::Code};
use clowder_messaging::{
    NewChat,
    invitations::{NewAnswer, NewInvite, Verdict},
};
use serde_json::json;

use crate::{
    chats::domain::{crowd, unless_others_were_faster},
    copies::once,
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Invitations::invite",
        "Invitations::revoke",
        "Invitations::withdraw",
        "Invitations::decide",
        "Invitations::answer",
        "Invitations::come",
    ],
    reads: &["Invitations::links", "Invitations::guests", "Invitations::invitations", "Invitations::preview"],
    perform,
    repeats,
    ids: &["chat_guests.link_id"],
    never: &[
        ("a link used too often", "chat_links l WHERE l.uses > l.max_uses"),
        (
            "a guest who is in the chat",
            "chat_guests g JOIN participants p ON p.chat_id = g.chat_id AND p.user_id = g.user_id",
        ),
    ],
    ..Domain::NONE
};

fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let invitations = &world.store.invitations;
        let chat = world.group(ada, &[]).await.id;
        let link = || of::<NewInvite>(json!({"max_uses": 3}));
        let made = invitations.invite(&once(world.ctx(ada), "chat link"), chat, link()).await?;
        let id = made.link.as_ref().unwrap().id;
        invitations.revoke(&world.ctx(ada), chat, id).await?;
        let again = invitations.invite(&once(world.ctx(ada), "chat link"), chat, link()).await?;
        assert_eq!((again.code, again.link.unwrap().revoked_at.is_some()), (made.code, true));
        Ok(())
    })
}

fn perform<'a>(mut scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let (owner, chat) = crowd(&mut scene).await?;
        let Scene { stage, store, who, ctx, dice, .. } = scene;
        let (invitations, staff) = (&store.invitations, stage.ctx(owner));
        let other = stage.members[2 + (who - 1) % 4].id;
        let member = ctx.clone();
        // Somebody who is in the chat cannot be on the way into it.
        let outside = async |id| drop(store.participants.remove(&staff, chat, id).await);
        let outcome = match write {
            "Invitations::invite" => {
                let ctx =
                    Ctx { idempotency_key: Some(IdempotencyKey::new(stage.fresh("k"), [1; 32])), ..staff.clone() };
                if dice.below(2) == 0 {
                    outside(other).await;
                    invitations.invite(&ctx, chat, of::<NewInvite>(json!({"user_ids": [other]}))).await.map(drop)
                } else {
                    // In a chat of their own, where nobody is banned or has declined: so it comes through.
                    let new = json!({"type": "group", "title": stage.fresh("Own "), "participant_ids": []});
                    let own = store.messaging.create_chat(&member, of::<NewChat>(new)).await?.into_inner().id;
                    let other = stage.members[dice.below(stage.members.len())].id;
                    let new = of::<NewInvite>(json!({"user_ids": [other]}));
                    invitations.invite(&member, own, new).await.map(drop)
                }
            }
            "Invitations::revoke" => match invitations.invite(&staff, chat, of::<NewInvite>(json!({}))).await {
                Ok(made) => invitations.revoke(&staff, chat, made.link.unwrap().id).await,
                Err(refused) => Err(refused),
            },
            "Invitations::withdraw" => invitations.withdraw(&staff, chat, other).await,
            "Invitations::answer" => {
                outside(stage.members[who].id).await;
                let new = json!({"user_ids": [stage.members[who].id]});
                drop(invitations.invite(&staff, chat, of::<NewInvite>(new)).await);
                let action = ["accept", "decline"][dice.below(2)];
                invitations.answer(&ctx, chat, of::<NewAnswer>(json!({"action": action}))).await.map(drop)
            }
            "Invitations::come" | "Invitations::decide" => {
                outside(stage.members[who].id).await;
                let approval = write == "Invitations::decide";
                let new = of::<NewInvite>(json!({"max_uses": 1, "approval": approval}));
                let came = match invitations.invite(&staff, chat, new).await {
                    Ok(made) => invitations.come(&ctx, Code::new(made.code.unwrap())).await.map(drop),
                    Err(refused) => Err(refused),
                };
                match came {
                    Ok(()) if approval => {
                        let action = ["approve", "reject"][dice.below(2)];
                        let verdict = of::<Verdict>(json!({"action": action}));
                        invitations.decide(&staff, chat, stage.members[who].id, verdict).await
                    }
                    came => came,
                }
            }
            other => panic!("nobody performs {other}"),
        };
        match outcome {
            Err(clowder_core::Error::Invalid(_)) => Err(NOTHING_TO_DO.into()),
            outcome => unless_others_were_faster(outcome),
        }
    })
}
