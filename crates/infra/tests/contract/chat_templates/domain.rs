//! What the tests of all domains need to know about templates of chats.

use clowder_core::PageRequest;
use clowder_messaging::chat_templates::{NewFromTemplate, NewTemplate, TemplatePatch, TemplateScope};
use serde_json::json;

use crate::{
    chats::domain::unless_others_were_faster,
    copies::once,
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "ChatTemplates::create_template",
        "ChatTemplates::edit_template",
        "ChatTemplates::delete_template",
        "ChatTemplates::create_from_template",
    ],
    reads: &["ChatTemplates::templates", "ChatTemplates::template"],
    perform,
    keeps,
    repeats,
    ids: &["chat_templates.id"],
    never: &[(
        "more templates than somebody can have",
        "(SELECT user_id FROM chat_templates GROUP BY user_id HAVING count(*) > 100) t",
    )],
    ..Domain::NONE
};

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let new = of::<NewTemplate>(json!({"name": "Peculiar", "type": "group"}));
        world.store.chat_templates.create_template(&world.ctx(ada), TemplateScope::Own, new).await.map(drop)
    })
}

fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let templates = &world.store.chat_templates;
        let new = || of::<NewTemplate>(json!({"name": "Project", "type": "group", "title": "Lunch"}));
        let (by_template, by_chat) = (once(world.ctx(ada), "template"), once(world.ctx(ada), "chat by template"));
        let create = || templates.create_template(&by_template, TemplateScope::Own, new());
        let made = create().await?;
        let patch = of::<TemplatePatch>(json!({"name": "Other"}));
        templates.edit_template(&world.ctx(ada), TemplateScope::Own, made.id, None, patch).await?;
        let again = create().await?;
        assert_eq!((again.id, again.name.as_str()), (made.id, "Other"));
        let chat = || templates.create_from_template(&by_chat, made.id, NewFromTemplate::default());
        let first = chat().await?.into_inner();
        let patch = of(json!({"title": "Dinner"}));
        world.store.chats.edit_chat(&world.ctx(ada), first.id, None, patch).await?;
        let again = chat().await?.into_inner();
        assert_eq!((again.id, again.title.as_deref()), (first.id, Some("Dinner")));
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, ctx, admin, dice, .. } = scene;
        let templates = &store.chat_templates;
        let (scope, ctx) = if dice.below(3) == 0 { (TemplateScope::Server, admin) } else { (TemplateScope::Own, ctx) };
        let new = json!({"name": stage.fresh("template "), "type": "group", "title": stage.fresh("of a template ")});
        let made = match templates.create_template(&ctx, scope, of::<NewTemplate>(new)).await {
            Err(clowder_core::Error::Refused(refusal)) if refusal.code == "chat.templates" => {
                let all = templates.templates(&ctx, Some(scope), PageRequest::default()).await?.items;
                for template in all {
                    drop(templates.delete_template(&ctx, scope, template.id, None).await);
                }
                return Err(NOTHING_TO_DO.into());
            }
            made => made?,
        };
        let outcome = match write {
            "ChatTemplates::create_template" => Ok(()),
            "ChatTemplates::edit_template" => {
                let patch = of::<TemplatePatch>(json!({"name": stage.fresh("edited "), "title": null}));
                templates.edit_template(&ctx, scope, made.id, None, patch).await.map(drop)
            }
            "ChatTemplates::delete_template" => templates.delete_template(&ctx, scope, made.id, None).await,
            "ChatTemplates::create_from_template" => {
                let other = stage.members[2 + dice.below(4)].id;
                let new = of::<NewFromTemplate>(json!({"participant_ids": [other]}));
                templates.create_from_template(&ctx, made.id, new).await.map(drop)
            }
            other => panic!("nobody performs {other}"),
        };
        unless_others_were_faster(outcome)
    })
}
