//! The guarantees of `ChatTemplates`.

pub mod domain;

use clowder_core::{PageRequest, Role};
use clowder_messaging::{
    ChatType,
    chat_templates::{ChatTemplate, MOST, NewFromTemplate, NewTemplate, TemplatePatch, TemplateScope},
};
use serde_json::json;

use crate::{
    privacy::{system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn create(world: &World, who: &Person, scope: TemplateScope, name: &str) -> ChatTemplate {
    let new = of::<NewTemplate>(json!({"name": name, "type": "group", "title": name}));
    world.store.chat_templates.create_template(&world.ctx(who), scope, new).await.unwrap()
}

on_both! {
    async fn everybody_sees_their_own_and_those_of_the_server(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let root = world.with_role("rita", Role::Admin).await;
        let own = create(&world, &ada, TemplateScope::Own, "Own").await;
        let server = create(&world, &root, TemplateScope::Server, "Everybody's").await;
        let other = create(&world, &bob, TemplateScope::Own, "Bob's").await;
        let templates = &world.store.chat_templates;
        let list = async |who: &Person, scope| {
            let page = templates.templates(&world.ctx(who), scope, PageRequest::default()).await.unwrap();
            page.items.into_iter().map(|template| template.id).collect::<Vec<_>>()
        };
        assert_eq!(list(&ada, None).await, [server.id, own.id], "the latest first");
        assert_eq!(list(&bob, None).await, [other.id, server.id]);
        assert_eq!(list(&ada, Some(TemplateScope::Own)).await, [own.id]);
        assert_eq!(list(&root, Some(TemplateScope::Own)).await, []);
        assert_eq!(list(&ada, Some(TemplateScope::Server)).await, [server.id]);
        assert_eq!(templates.template(&world.ctx(&ada), server.id).await.unwrap(), server);
        assert_eq!(code(templates.template(&world.ctx(&ada), other.id).await), "chat.template_unknown");
        // Of each scope, only what belongs to it.
        let patch = || of::<TemplatePatch>(json!({"name": "x"}));
        for (who, scope, id) in [
            (&bob, TemplateScope::Own, own.id),
            (&ada, TemplateScope::Own, server.id),
            (&root, TemplateScope::Server, own.id),
        ] {
            let edited = templates.edit_template(&world.ctx(who), scope, id, None, patch()).await;
            assert_eq!(code(edited), "chat.template_unknown");
            assert_eq!(code(templates.delete_template(&world.ctx(who), scope, id, None).await), "chat.template_unknown");
        }
        let page = templates.templates(&world.ctx(&ada), None, PageRequest { limit: 1, cursor: None }).await.unwrap();
        let next = PageRequest { limit: 1, cursor: page.next_cursor };
        let rest = templates.templates(&world.ctx(&ada), None, next).await.unwrap();
        assert_eq!((rest.items[0].id, rest.next_cursor), (own.id, None));
    }

    async fn a_chat_by_a_template_is_told_as_it_is(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let new = of::<NewTemplate>(json!({
            "name": "News", "type": "channel", "title": "News", "visibility": "public", "history": "since_join",
            "rights": {"post": false}, "lifetime": {"seconds": 60}, "slow_seconds": 5,
        }));
        let templates = &world.store.chat_templates;
        let template = templates.create_template(&world.ctx(&ada), TemplateScope::Own, new).await.unwrap();
        assert!(world.changes().await.is_empty(), "a template is nobody's news");
        let from = of::<NewFromTemplate>(json!({"participant_ids": [bob.id]}));
        let chat = templates.create_from_template(&world.ctx(&ada), template.id, from).await.unwrap().into_inner();
        assert_eq!(world.names().await, ["chat.created", "chat.created"]);
        assert_eq!((chat.kind, chat.lifetime, chat.slow_seconds), (ChatType::Channel, template.lifetime, 5));
        assert_eq!(world.store.messaging.chat(&world.ctx(&ada), chat.id).await.unwrap(), chat);
        assert!(!world.store.messaging.chat(&world.ctx(&bob), chat.id).await.unwrap().writable, "a subscriber");
        let said = world.say(&ada, chat.id, "for a minute").await;
        assert_eq!(said.lifetime, template.lifetime);
    }

    async fn there_are_only_so_many(world: World) {
        let [ada] = world.people(["ada"]).await;
        for number in 0..MOST {
            create(&world, &ada, TemplateScope::Own, &format!("Template {number}")).await;
        }
        let new = of::<NewTemplate>(json!({"name": "One more", "type": "group"}));
        let refused = world.store.chat_templates.create_template(&world.ctx(&ada), TemplateScope::Own, new).await;
        assert_eq!(code(refused), "chat.templates");
    }

    async fn nothing_is_left_of_templates_of_the_erased(world: World) {
        let [ada] = world.people(["ada"]).await;
        let own = create(&world, &ada, TemplateScope::Own, "peculiar").await;
        let patch = of::<TemplatePatch>(json!({"name": "uncommon"}));
        world.store.chat_templates.edit_template(&world.ctx(&ada), TemplateScope::Own, own.id, None, patch).await.unwrap();
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        world.gone(b"uncommon").await;
        world.gone(b"peculiar").await;
        assert_eq!(world.meddle("DELETE FROM chat_templates").unwrap(), 0);
    }
}
