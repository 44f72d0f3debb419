//! What the tests of all domains need to know about groups.

use clowder_core::{Ctx, Error, IdempotencyKey};
use clowder_social::groups::{
    GroupPatch, NewGroup, NewGroupBan, NewGroupInvite, NewOwner, RolePatch, Verdict, model::Code,
};
use serde_json::json;

use crate::{
    copies::once,
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Groups::create",
        "Groups::edit",
        "Groups::delete",
        "Groups::join",
        "Groups::join_by_code",
        "Groups::leave",
        "Groups::set_role",
        "Groups::remove",
        "Groups::decide",
        "Groups::ban",
        "Groups::unban",
        "Groups::invite",
        "Groups::revoke",
        "Groups::transfer",
    ],
    reads: &[
        "Groups::deletion",
        "Groups::group",
        "Groups::groups",
        "Groups::invitations",
        "Groups::invites",
        "Groups::member",
        "Groups::members",
        "Groups::preview",
    ],
    perform,
    keeps,
    repeats,
    ids: &[
        "group_attempts.group_id",
        "group_attempts.id",
        "group_deletions.group_id",
        "group_links.id",
        "groups.avatar_id",
        "groups.cover_id",
        "groups.id",
    ],
    never: &[
        (
            "a wrong count of members",
            "groups g WHERE g.member_count <> (SELECT count(*) FROM group_people p WHERE p.group_id = g.id AND p.status = 'member')",
        ),
        (
            "a group whose owner is not its owner",
            "groups g WHERE g.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM group_people p WHERE p.group_id = g.id \
             AND p.user_id = g.owner_id AND p.role = 'owner')",
        ),
        (
            "a member who is not in the chat",
            "groups g JOIN group_people p ON p.group_id = g.id AND p.status = 'member' LEFT JOIN participants c \
             ON c.chat_id = g.chat_id AND c.user_id = p.user_id WHERE c.user_id IS NULL",
        ),
        (
            "somebody in the chat who is not a member",
            "groups g JOIN participants c ON c.chat_id = g.chat_id LEFT JOIN group_people p ON p.group_id = g.id \
             AND p.user_id = c.user_id AND p.status = 'member' WHERE p.user_id IS NULL",
        ),
        ("a link used too often", "group_links l WHERE l.uses > l.max_uses"),
        (
            "a word that does not know whether its group is listed",
            "groups g JOIN group_words w ON w.group_id = g.id WHERE w.listed = (g.visibility = 'secret')",
        ),
        (
            "a group whose chat shows another picture",
            "groups g JOIN chats c ON c.id = g.chat_id \
             WHERE coalesce(g.avatar_id, g.id) <> coalesce(c.avatar_id, g.id)",
        ),
        (
            "a picture of a deleted group",
            "groups g WHERE g.deleted_at IS NOT NULL AND (g.avatar_id IS NOT NULL OR g.cover_id IS NOT NULL)",
        ),
        ("words of a deleted group", "groups g JOIN group_words w ON w.group_id = g.id WHERE g.deleted_at IS NOT NULL"),
    ],
    ..Domain::NONE
};

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let groups = &world.store.groups;
        let group = groups.create(&world.ctx(ada), of::<NewGroup>(json!({"name": "Peculiar gardeners"}))).await?;
        groups.invite(&world.ctx(ada), group.id, of::<NewGroupInvite>(json!({}))).await.map(drop)
    })
}

fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let groups = &world.store.groups;
        let new = || of::<NewGroup>(json!({"name": "Gardeners"}));
        let group = groups.create(&once(world.ctx(ada), "group"), new()).await?;
        groups.edit(&world.ctx(ada), group.id, None, of::<GroupPatch>(json!({"name": "Cooks"}))).await?;
        let again = groups.create(&once(world.ctx(ada), "group"), new()).await?;
        assert_eq!((again.id, &*again.name), (group.id, "Cooks"));
        let link = || of::<NewGroupInvite>(json!({"max_uses": 3}));
        let made = groups.invite(&once(world.ctx(ada), "link"), group.id, link()).await?;
        let id = made.link.as_ref().unwrap().id;
        groups.revoke(&world.ctx(ada), group.id, id).await?;
        let again = groups.invite(&once(world.ctx(ada), "link"), group.id, link()).await?;
        assert_eq!((again.code, again.link.unwrap().revoked_at.is_some()), (made.code, true));
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, who, ctx, dice, .. } = scene;
        let groups = &store.groups;
        let person = stage.members[dice.below(6)].id;
        let (owner, group) = {
            let known = stage.groups.lock().unwrap();
            if known.is_empty() { None } else { Some(known[dice.below(known.len())]) }
        }
        .unwrap_or((who, clowder_core::Id::new(ctx.now)));
        let staff = stage.ctx(owner);
        // Now and then a group of their own, so that each write comes through.
        let (staff, group) = if dice.below(3) == 0 {
            let new = of::<NewGroup>(json!({"name": stage.fresh("Own "), "visibility": "closed"}));
            (ctx.clone(), groups.create(&ctx, new).await?.id)
        } else {
            (staff, group)
        };
        let outcome = match write {
            "Groups::create" => {
                let ctx = Ctx { idempotency_key: Some(IdempotencyKey::new(stage.fresh("k"), [1; 32])), ..ctx };
                let visibility = ["public", "closed", "secret"][dice.below(3)];
                let new = json!({"name": stage.fresh("Gardeners "), "visibility": visibility});
                let group = groups.create(&ctx, of::<NewGroup>(new)).await?;
                stage.groups.lock().unwrap().push((who, group.id));
                Ok(())
            }
            "Groups::edit" => {
                let patch = of::<GroupPatch>(json!({"name": stage.fresh("Cooks "), "rules": stage.fresh("be kind ")}));
                groups.edit(&staff, group, None, patch).await.map(drop)
            }
            "Groups::delete" => {
                // One with somebody in it is cleared by a job.
                let new = json!({"name": stage.fresh("Full "), "visibility": "public"});
                let full = groups.create(&ctx, of::<NewGroup>(new)).await?.id;
                let joined = groups.join(&stage.ctx((who + 1) % 6), full).await.map(drop);
                groups.delete(&ctx, full, None).await?;
                joined.and(groups.delete(&staff, group, None).await.map(drop))
            }
            "Groups::join" => groups.join(&ctx, group).await.map(drop),
            "Groups::join_by_code" => {
                let link = groups.invite(&staff, group, of::<NewGroupInvite>(json!({"max_uses": 1}))).await;
                match link {
                    Ok(made) => groups.join_by_code(&ctx, Code::new(made.code.unwrap())).await.map(drop),
                    Err(refused) => Err(refused),
                }
            }
            "Groups::leave" => groups.leave(&ctx, group).await,
            "Groups::set_role" | "Groups::transfer" | "Groups::remove" => {
                let other = 2 + (who - 1) % 4;
                let link = groups.invite(&staff, group, of::<NewGroupInvite>(json!({"max_uses": 1}))).await;
                let person = match link {
                    Ok(made) => {
                        let code = Code::new(made.code.unwrap());
                        let joined = groups.join_by_code(&stage.ctx(other), code).await;
                        joined.map_or(person, |_| stage.members[other].id)
                    }
                    Err(_) => person,
                };
                match write {
                    "Groups::transfer" => {
                        groups.transfer(&staff, group, of::<NewOwner>(json!({"user_id": person}))).await.map(drop)
                    }
                    "Groups::remove" => groups.remove(&staff, group, person).await,
                    _ => {
                        let role = ["member", "moderator", "admin"][dice.below(3)];
                        groups.set_role(&staff, group, person, of::<RolePatch>(json!({"role": role}))).await.map(drop)
                    }
                }
            }
            "Groups::decide" => {
                let asked = groups.join(&stage.ctx(2 + (who - 1) % 4), group).await;
                let person = asked.map_or(person, |_| stage.members[2 + (who - 1) % 4].id);
                let action = ["approve", "reject"][dice.below(2)];
                groups.decide(&staff, group, person, of::<Verdict>(json!({"action": action}))).await
            }
            "Groups::ban" => {
                let new = of::<NewGroupBan>(json!({"reason": stage.fresh("rude ")}));
                groups.ban(&staff, group, person, new).await
            }
            "Groups::unban" => groups.unban(&staff, group, person).await,
            "Groups::invite" => {
                let new = json!({"user_ids": [person, stage.members[0].id]});
                groups.invite(&staff, group, of::<NewGroupInvite>(new)).await.map(drop)
            }
            "Groups::revoke" => {
                let made = groups.invite(&staff, group, of::<NewGroupInvite>(json!({}))).await;
                match made {
                    Ok(made) => groups.revoke(&staff, group, made.link.unwrap().id).await,
                    Err(refused) => Err(refused),
                }
            }
            other => panic!("nobody performs {other}"),
        };
        // Others were faster, or the role of whoever does it is another by now.
        match outcome {
            Err(Error::Refused(refusal) | Error::Explained { refusal, .. } | Error::TooEarly { refusal, .. })
                if refusal.code.starts_with("group.") =>
            {
                Err(NOTHING_TO_DO.into())
            }
            Err(Error::Invalid(_)) => Err(NOTHING_TO_DO.into()),
            outcome => outcome,
        }
    })
}
