//! The guarantees of `Staff`.

pub mod domain;

use std::time::Duration;

use clowder_accounts::{
    AuditFilter, NewApiKey, NewSuspension, ProfilePatch, Suspension,
    audit::ActorType,
    model::{AccountFilter, ResetPassword, Status},
};
use clowder_core::{Actor, Ctx, Input, PageRequest, Role, Timestamp, UserId};
use clowder_infra::Store;
use serde_json::json;

use crate::{
    api_keys::secret,
    credentials::login,
    world::{Person, World, account, code, on_both},
};

fn spam(until: Option<Timestamp>) -> NewSuspension {
    NewSuspension::from_json(json!({"reason": "spam", "until": until})).unwrap()
}

impl World {
    pub fn system(&self) -> Ctx {
        Ctx::new(Actor::System, self.now(), "test")
    }

    /// A user with a role, whose changes have all been published.
    pub async fn with_role(&self, name: &str, role: Role) -> Person {
        let mut person = self.person(name).await;
        self.store.staff.set_role(&self.system(), person.id, role).await.unwrap();
        self.changes().await;
        if let Actor::User { role: held, .. } = &mut person.actor {
            *held = role;
        }
        person
    }

    fn role_of(&self, store: &Store, access: &str) -> Role {
        match store.accounts.identify(access, self.now()).unwrap().actor {
            Actor::User { role, .. } => role,
            other => panic!("{other:?}"),
        }
    }
}

on_both! {
    async fn a_role_acts_at_once_for_tokens_already_issued(world: World) {
        let ada = world.register("ada").await;
        let other = world.another_node().await;
        let mut followed = other.follow().await.unwrap();
        world.names().await;
        let before = world.store.accounts.me(&world.by(&ada.access)).await.unwrap();
        let given = world.store.staff.set_role(&world.system(), ada.user.id, Role::Moderator).await.unwrap();
        assert_eq!(given.role, Role::Moderator);
        assert_eq!(world.names().await, ["user.updated"]);
        assert_eq!(world.role_of(&world.store, &ada.access), Role::Moderator, "here at once");
        let me = world.store.accounts.me(&world.by(&ada.access)).await.unwrap();
        assert_eq!((me.role, me.version), (Role::Moderator, before.version + 1));
        assert_eq!(&*followed.next().await.unwrap().name, "user.updated");
        assert_eq!(world.role_of(&other, &ada.access), Role::Moderator, "elsewhere when the journal tells");
        let restarted = world.another_node().await;
        assert_eq!(world.role_of(&restarted, &ada.access), Role::Moderator, "a starting node reads it");
        world.store.staff.set_role(&world.system(), ada.user.id, Role::Moderator).await.unwrap();
        assert!(world.names().await.is_empty(), "the same again changes nothing");
        world.store.staff.set_role(&world.system(), ada.user.id, Role::User).await.unwrap();
        assert_eq!(&*followed.next().await.unwrap().name, "user.updated");
        assert_eq!(world.role_of(&other, &ada.access), Role::User);
        // What this node loaded at its start is corrected when it begins to follow the journal.
        let _following = restarted.follow().await.unwrap();
        assert_eq!(world.role_of(&restarted, &ada.access), Role::User);
    }

    async fn nobody_governs_equals_or_betters(world: World) {
        let (root, mod_one, mod_two) = (
            world.with_role("rita", Role::Admin).await,
            world.with_role("modone", Role::Moderator).await,
            world.with_role("modtwo", Role::Moderator).await,
        );
        let ada = world.person("ada").await;
        world.names().await;
        let staff = &world.store.staff;
        assert_eq!(code(staff.suspend(&world.ctx(&mod_one), mod_two.id, spam(None)).await), "user.outranked");
        assert_eq!(code(staff.suspend(&world.ctx(&mod_one), root.id, spam(None)).await), "user.outranked");
        assert_eq!(code(staff.suspend(&world.ctx(&root), root.id, spam(None)).await), "user.outranked");
        assert_eq!(code(staff.lift(&world.ctx(&mod_one), mod_two.id).await), "user.outranked");
        assert_eq!(code(staff.end_sessions(&world.ctx(&mod_one), root.id, false).await), "user.outranked");
        assert_eq!(code(staff.set_role(&world.ctx(&mod_one), ada.id, Role::Admin).await), "user.outranked");
        assert_eq!(code(staff.set_role(&world.ctx(&root), root.id, Role::User).await), "role.last_admin");
        assert_eq!(code(staff.set_role(&world.system(), root.id, Role::User).await), "role.last_admin");
        assert_eq!(code(staff.suspend(&world.system(), root.id, spam(None)).await), "role.last_admin");
        assert_eq!(code(staff.account(&world.ctx(&root), UserId::new(world.now())).await), "user.unknown");
        assert_eq!(code(staff.lift(&world.ctx(&root), UserId::new(world.now())).await), "user.unknown");
        assert!(world.names().await.is_empty(), "a refusal writes nothing");
        // The role in the database counts, not that of the token.
        staff.set_role(&world.system(), mod_one.id, Role::User).await.unwrap();
        assert_eq!(code(staff.suspend(&world.ctx(&mod_one), ada.id, spam(None)).await), "user.outranked");
    }

    async fn a_link_that_is_handed_over_sets_a_password_and_proves_no_address(world: World) {
        let ada = world.register("ada").await;
        let other = world.with_role("modone", Role::Moderator).await;
        let staff = &world.store.staff;
        assert_eq!(code(staff.reset_link(&world.system(), UserId::new(world.now())).await), "user.unknown");
        let upwards = staff.reset_link(&world.by(&ada.access), other.id).await;
        assert_eq!(code(upwards), "user.outranked");

        let reset = async |url: &str| {
            let (_, token) = url.split_once("/account#reset=").unwrap();
            let reset = json!({"token": token, "new_password": "staple battery"});
            let reset = ResetPassword::from_json(reset).unwrap();
            world.store.credentials.reset(&world.nobody(), reset).await
        };
        let old = staff.reset_link(&world.system(), ada.user.id).await.unwrap();
        let link = staff.reset_link(&world.system(), ada.user.id).await.unwrap();
        let good_for = link.expires_at.since(world.now());
        assert!((29 * 60..=30 * 60).contains(&good_for.as_secs()), "{good_for:?}");
        reset(&link.url).await.unwrap();
        assert_eq!(code(reset(&link.url).await), "link.gone");
        assert_eq!(code(reset(&old.url).await), "link.gone", "with the new password");
        let ended = world.store.accounts.identify(&ada.access, world.now());
        assert_eq!(code(ended), "session.ended");
        let signed_in = login(&world, "ada", "staple battery").await.unwrap();
        assert!(!signed_in.user.email_verified, "nobody has read its mail");

        let late = staff.reset_link(&world.system(), ada.user.id).await.unwrap();
        world.wait(Duration::from_secs(30 * 60));
        assert_eq!(code(reset(&late.url).await), "link.gone");
    }

    async fn of_administrators_who_step_down_at_once_one_remains(world: World) {
        let mut admins = Vec::new();
        for name in ["adma", "admb", "admc", "admd"] {
            admins.push(world.with_role(name, Role::Admin).await);
        }
        let tries = admins.iter().map(|admin| {
            let (world, ctx, id) = (world.clone(), world.ctx(admin), admin.id);
            tokio::spawn(async move { world.store.staff.set_role(&ctx, id, Role::User).await })
        });
        let mut stepped_down = 0;
        for result in tries.collect::<Vec<_>>() {
            match result.await.unwrap() {
                Ok(_) => stepped_down += 1,
                refused => assert_eq!(code(refused), "role.last_admin"),
            }
        }
        assert_eq!(stepped_down, admins.len() - 1);
    }

    async fn a_suspension_is_known_everywhere_and_ends_by_itself(world: World) {
        let ada = world.register("ada").await;
        let other = world.another_node().await;
        let mut followed = other.follow().await.unwrap();
        world.names().await;
        let until = world.now().plus(Duration::from_secs(60));
        let suspended = world.store.staff.suspend(&world.system(), ada.user.id, spam(Some(until))).await.unwrap();
        let expected = Some(Suspension { until: Some(until), reason: "spam".to_owned() });
        assert_eq!(suspended.suspension, expected);
        assert_eq!(world.names().await, ["user.updated", "user.suspended"]);
        let same = world.store.staff.suspend(&world.system(), ada.user.id, spam(Some(until))).await.unwrap();
        assert_eq!(same.suspension, suspended.suspension);
        assert!(world.names().await.is_empty(), "the same again changes nothing");
        assert_eq!(followed.next().await.unwrap().subject, Some(ada.user.id.uuid()));
        let restarted = world.another_node().await;
        for store in [&world.store, &other, &restarted] {
            assert_eq!(store.staff.standing(ada.user.id, world.now()).suspension, expected);
            assert_eq!(store.accounts.me(&world.by(&ada.access)).await.unwrap().suspension, expected);
        }
        world.wait(Duration::from_secs(60));
        for store in [&world.store, &other, &restarted] {
            assert_eq!(store.staff.standing(ada.user.id, world.now()).suspension, None);
            assert_eq!(store.accounts.me(&world.by(&ada.access)).await.unwrap().suspension, None);
        }
        assert_eq!(world.store.staff.account(&world.system(), ada.user.id).await.unwrap().suspension, None);
        let late = world.store.staff.suspend(&world.system(), ada.user.id, spam(Some(until))).await;
        assert!(matches!(late, Err(clowder_core::Error::Invalid(errors)) if errors[0].pointer == "/until"));
        world.store.staff.suspend(&world.system(), ada.user.id, spam(None)).await.unwrap();
        world.names().await;
        assert_eq!(world.store.staff.lift(&world.system(), ada.user.id).await.unwrap().suspension, None);
        assert_eq!(world.names().await, ["user.updated"]);
        assert_eq!(world.store.staff.standing(ada.user.id, world.now()).suspension, None);
        world.store.staff.lift(&world.system(), ada.user.id).await.unwrap();
        assert!(world.names().await.is_empty(), "lifting twice is fine and tells nothing");
    }

    async fn signing_somebody_out_everywhere(world: World) {
        let (ada, moderator) = (world.register("ada").await, world.with_role("modone", Role::Moderator).await);
        let other = world.another_node().await;
        let mut followed = other.follow().await.unwrap();
        world.store.staff.end_sessions(&world.ctx(&moderator), ada.user.id, false).await.unwrap();
        assert_eq!(code(world.store.accounts.identify(&ada.access, world.now())), "session.ended");
        assert_eq!(&*followed.next().await.unwrap().name, "session.ended");
        assert_eq!(code(other.accounts.identify(&ada.access, world.now())), "session.ended");
    }

    async fn accounts_are_found_page_by_page(world: World) {
        let root = world.with_role("rita", Role::Admin).await;
        let mut made = vec![root.id];
        for name in ["ada", "bob_", "carol", "dan%"] {
            let name = name.trim_end_matches('%');
            let new = account(name.trim_end_matches('_'));
            made.push(world.store.staff.create_account(&world.system(), new, Role::User).await.unwrap().id);
        }
        made.reverse();
        let staff = &world.store.staff;
        let find = async |filter: AccountFilter| {
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let page = PageRequest { limit: 2, cursor };
                let page = staff.accounts(&world.ctx(&root), filter.clone(), page).await.unwrap();
                found.extend(page.items.into_iter().map(|account| account.id));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    return found;
                }
            }
        };
        assert_eq!(find(AccountFilter::default()).await, made);
        assert_eq!(find(AccountFilter { role: Some(Role::Admin), ..Default::default() }).await, [root.id]);
        let part = |q: &str| AccountFilter { q: Some(q.to_owned()), ..Default::default() };
        assert_eq!(find(part("CARO")).await, [made[1]]);
        assert_eq!(find(part("ol@example")).await, [made[1]]);
        for wild in ["%", "_", "\\", "c%l"] {
            assert!(find(part(wild)).await.is_empty(), "{wild} stands for itself");
        }
        staff.suspend(&world.ctx(&root), made[1], spam(None)).await.unwrap();
        let status = |status| AccountFilter { status: Some(status), ..Default::default() };
        assert_eq!(find(status(Status::Suspended)).await, [made[1]]);
        assert_eq!(find(status(Status::Active)).await.len(), made.len() - 1);
        let forged = PageRequest { limit: 2, cursor: Some("x".to_owned()) };
        assert!(staff.accounts(&world.ctx(&root), AccountFilter::default(), forged).await.is_err());
    }

    async fn an_account_is_made_with_its_role(world: World) {
        let other = world.another_node().await;
        let mut followed = other.follow().await.unwrap();
        let made = world.store.staff.create_account(&world.system(), account("root"), Role::Admin).await.unwrap();
        assert_eq!(world.names().await, ["user.registered", "user.updated"]);
        for _ in 0..2 {
            followed.next().await.unwrap();
        }
        assert_eq!(other.staff.standing(made.id, world.now()).role, Role::Admin);
        let again = world.store.staff.create_account(&world.system(), account("ROOT"), Role::Admin).await;
        assert_eq!(code(again), "username.taken");
    }

    async fn what_staff_and_keys_do_is_written_down(world: World) {
        let (root, ada) = (world.with_role("rita", Role::Admin).await, world.person("ada").await);
        let (staff, keys) = (&world.store.staff, &world.store.api_keys);
        let before = world.store.audit.chain().await.unwrap().end.position;
        staff.set_role(&world.ctx(&root), ada.id, Role::Moderator).await.unwrap();
        staff.suspend(&world.ctx(&root), ada.id, spam(None)).await.unwrap();
        staff.lift(&world.ctx(&root), ada.id).await.unwrap();
        let new = NewApiKey::from_json(json!({"name": "bot", "scopes": ["chats:read"]})).unwrap();
        let issued = keys.create_key(&world.ctx(&ada), new).await.unwrap();
        // What an API key does is recorded as done by that key.
        let bot = keys.check_key(secret(&issued), world.now()).await.unwrap().actor;
        let patch = ProfilePatch::from_json(json!({"bio": "beep"})).unwrap();
        world.store.accounts.edit_me(&Ctx::new(bot, world.now(), "test"), None, patch).await.unwrap();
        keys.revoke_key(&world.ctx(&ada), issued.api_key.id).await.unwrap();
        let page = PageRequest { limit: 200, cursor: None };
        let records = world.store.audit.records(&world.system(), AuditFilter::default(), page).await.unwrap().items;
        let mut records: Vec<_> = records.into_iter().filter(|record| record.position > before).collect();
        records.reverse();
        let told: Vec<_> = records.iter().map(|record| (record.action.as_str(), record.actor.kind)).collect();
        assert_eq!(told, [
            ("role.changed", ActorType::User),
            ("user.suspended", ActorType::User),
            ("suspension.lifted", ActorType::User),
            ("api_key.created", ActorType::User),
            ("profile.changed", ActorType::ApiKey),
            ("api_key.revoked", ActorType::User),
        ]);
        assert!(records.iter().all(|record| record.subject_id == Some(ada.id)));
        assert_eq!(records[0].before, Some(json!({"role": "user"})));
        assert_eq!(records[0].after, Some(json!({"role": "moderator"})));
        assert_eq!(records[1].after.as_ref().unwrap()["suspension"]["reason"], "spam");
        assert_eq!(records[3].target.as_ref().map(|target| target.kind.as_str()), Some("api_key"));
        let hidden = &secret(&issued)[issued.api_key.prefix.len()..];
        assert!(records.iter().all(|record| !format!("{record:?}").contains(hidden)));
    }

    async fn a_session_that_is_long_open_makes_neither_roles_nor_keys(world: World) {
        let (root, ada) = (world.with_role("rita", Role::Admin).await, world.person("ada").await);
        world.wait(Duration::from_secs(600));
        let stale = "authentication.stale";
        assert_eq!(code(world.store.staff.set_role(&world.ctx(&root), ada.id, Role::Admin).await), stale);
        let new = NewApiKey::from_json(json!({"name": "bot", "scopes": ["chats:read"]})).unwrap();
        assert_eq!(code(world.store.api_keys.create_key(&world.ctx(&ada), new).await), stale);
        world.store.staff.suspend(&world.ctx(&root), ada.id, spam(None)).await.unwrap();
    }
}
