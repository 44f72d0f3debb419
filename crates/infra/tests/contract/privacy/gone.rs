//! What lists show in which somebody stood who was erased: a deleted user or nobody, and never the name.

use clowder_accounts::{ProfilePatch, activity::Activity, audit::AuditRecord};
use clowder_core::{Input, Page, PageRequest};
use clowder_messaging::{invitations::Standing as Waiting, moderation::SanctionType};
use clowder_social::{
    groups::{GroupId, MemberFilter, NewGroup, Standing},
    reports::{ReportFilter, ReportStatus},
};
use serde::Serialize;
use serde_json::json;

use super::{system, work};
use crate::{
    audit,
    readers::read_all,
    reports::domain::{about, moderator},
    stress::of,
    world::{Person, World, on_both},
};

/// The username of whoever is erased; the display name and the email address contain it.
const NAME: &str = "zqgone";

async fn erase(world: &World, who: &Person) {
    world.store.privacy.erase_user(&system(world), who.id, None).await.unwrap();
    work(world, &world.store).await;
}

async fn renamed(world: &World) -> Person {
    let person = world.person(NAME).await;
    let patch = ProfilePatch::from_json(json!({"display_name": format!("{NAME} the second")})).unwrap();
    world.store.accounts.edit_me(&world.ctx(&person), None, patch).await.unwrap();
    person
}

/// A page that names nobody who was erased.
fn nameless<T: Serialize>(page: clowder_core::Result<Page<T>>) -> Vec<T> {
    let items = page.unwrap().items;
    let shown = serde_json::to_string(&items).unwrap();
    assert!(!shown.contains(NAME), "{shown}");
    items
}

fn page() -> PageRequest {
    PageRequest::default()
}

async fn group_of(world: &World, owner: &Person, visibility: &str) -> GroupId {
    let new = of::<NewGroup>(json!({"name": "Rowers", "visibility": visibility}));
    world.store.groups.create(&world.ctx(owner), new).await.unwrap().id
}

async fn standing(world: &World, who: &Person, group: GroupId, status: Standing) -> usize {
    let filter = MemberFilter { status, role: None };
    nameless(world.store.groups.members(&world.ctx(who), group, filter, page()).await).len()
}

on_both! {
    async fn reports_about_the_erased(world: World) {
        let [ada] = world.people(["ada"]).await;
        let gone = renamed(&world).await;
        let judge = moderator(&world, "judge").await;
        let reports = &world.store.reports;
        let open = reports.report(&world.ctx(&ada), about(&gone, "spam")).await.unwrap().id;
        erase(&world, &gone).await;
        for status in [None, Some(ReportStatus::Open)] {
            let filter = ReportFilter { status, ..ReportFilter::default() };
            let listed = nameless(reports.moderated(&world.ctx(&judge), filter, page()).await);
            assert_eq!((listed[0].id, listed[0].target.id.uuid()), (open, gone.id.uuid()));
            assert!(listed[0].reported.as_ref().is_none_or(|card| card.username.starts_with("deleted-")));
        }
        let own = nameless(reports.reports(&world.ctx(&ada), page()).await);
        assert_eq!(own.iter().map(|report| report.id).collect::<Vec<_>>(), [open]);
        // The evidence stays until the report is forgotten: otherwise whoever breaks the rules could remove it.
        let mut examined = reports.examine(&world.ctx(&judge), open).await.unwrap();
        assert_eq!(examined.evidence.take().unwrap().user.unwrap().username, NAME);
        assert!(!serde_json::to_string(&examined).unwrap().contains(NAME), "{examined:?}");
        // It can still be decided.
        let dismissed = of(json!({"status": "dismissed", "reason": "the account is gone"}));
        let decided = reports.handle(&world.ctx(&judge), open, None, dismissed).await.unwrap();
        assert_eq!(decided.status, ReportStatus::Dismissed);
    }

    async fn bans_of_the_erased(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let gone = renamed(&world).await;
        let group = group_of(&world, &ada, "public").await;
        let store = &world.store;
        for person in [&gone, &bob] {
            store.groups.ban(&world.ctx(&ada), group, person.id, of(json!({"reason": "rude"}))).await.unwrap();
        }
        let chat = world.group(&ada, &[&gone, &bob]).await.id;
        for kind in [SanctionType::Mute, SanctionType::Ban] {
            for person in [&gone, &bob] {
                let new = of(json!({"user_id": person.id, "reason": "rude"}));
                store.moderation.sanction(&world.ctx(&ada), chat, kind, new).await.unwrap();
            }
        }
        erase(&world, &gone).await;
        assert!(standing(&world, &ada, group, Standing::Banned).await >= 1);
        for kind in [SanctionType::Mute, SanctionType::Ban] {
            let listed = nameless(store.moderation.sanctions(&world.ctx(&ada), chat, kind, page()).await);
            assert!(!listed.is_empty(), "{kind:?}");
        }
    }

    async fn invitations_of_and_by_the_erased(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let gone = renamed(&world).await;
        let store = &world.store;
        let group = group_of(&world, &ada, "closed").await;
        let chat = world.group(&ada, &[]).await.id;
        store.groups.invite(&world.ctx(&ada), group, of(json!({"user_ids": [gone.id, bob.id]}))).await.unwrap();
        store.invitations.invite(&world.ctx(&ada), chat, of(json!({"user_ids": [gone.id, bob.id]}))).await.unwrap();
        let theirs = group_of(&world, &gone, "closed").await;
        store.groups.invite(&world.ctx(&gone), theirs, of(json!({"user_ids": [bob.id]}))).await.unwrap();
        let own = world.group(&gone, &[&ada]).await.id;
        store.invitations.invite(&world.ctx(&gone), own, of(json!({"user_ids": [bob.id]}))).await.unwrap();
        let pet = crate::pets::make(&world, &gone, json!({})).await.id;
        store.pets.invite(&world.ctx(&gone), pet, of(json!({"user_id": bob.id, "role": "caretaker"}))).await.unwrap();
        erase(&world, &gone).await;
        assert_eq!(standing(&world, &ada, group, Standing::Invited).await, 1, "bob");
        let waiting = nameless(store.invitations.guests(&world.ctx(&ada), chat, Waiting::Invited, page()).await);
        assert_eq!(waiting.iter().map(|guest| guest.user.id).collect::<Vec<_>>(), [bob.id]);
        let of_bob = world.ctx(&bob);
        assert!(!nameless(store.groups.invitations(&of_bob, page()).await).is_empty());
        assert!(!nameless(store.invitations.invitations(&of_bob, None, page()).await).is_empty());
        nameless(store.pets.invitations(&of_bob, page()).await);
    }

    async fn the_audit_log_about_the_erased(world: World) {
        let admin = world.person("boss").await;
        world.meddle("UPDATE users SET role = 'admin' WHERE username = 'boss'").unwrap();
        let gone = renamed(&world).await;
        let patch = of(json!({"username": format!("{NAME}2"), "reason": "asked for it"}));
        let mut boss = world.ctx(&admin);
        if let clowder_core::Actor::User { role, .. } = &mut boss.actor {
            *role = clowder_core::Role::Admin;
        }
        world.store.profiles.edit_user(&boss, gone.id, None, patch).await.unwrap();
        erase(&world, &gone).await;
        let records: Vec<AuditRecord> = nameless(world.store.audit.records(&boss, Default::default(), page()).await);
        assert!(records.iter().any(|record| record.subject_id == Some(gone.id)));
        audit::whole(&world.store).await;
    }

    async fn the_log_of_what_others_did_to_the_erased(world: World) {
        let [ada] = world.people(["ada"]).await;
        let gone = renamed(&world).await;
        for (one, other) in [(&ada, &gone), (&gone, &ada)] {
            world.store.friends.request(&world.ctx(one), of(json!({"user_id": other.id}))).await.unwrap();
        }
        read_all(&world.store, &world).await;
        erase(&world, &gone).await;
        read_all(&world.store, &world).await;
        let items: Vec<Activity> = nameless(world.store.activity.activity(&world.ctx(&ada), None, page()).await);
        assert!(items.iter().any(|item| item.kind == "friend.added"), "{items:?}");
    }
}
