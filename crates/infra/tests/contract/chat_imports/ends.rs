//! How imports end: late, twice at once, in a chat that is gone, or in one that has no room.

use std::time::Duration;

use clowder_core::{Error, job::Verdict};
use clowder_messaging::{
    MessageType,
    chat_imports::{AuthorsBy, ImportStatus},
};

use super::{bring, document, line, messages, now, participants, sweep};
use crate::{
    privacy::{system, work},
    world::{World, code, on_both},
};

on_both! {
    async fn a_file_that_takes_too_long_is_unknown(world: World) {
        let [root] = world.people(["gwen"]).await;
        let imports = &world.store.chat_imports;
        let import = imports.begin_import(&world.ctx(&root)).await.unwrap();
        imports.add_to_import(&world.ctx(&root), import, 0, b"{").await.unwrap();
        world.wait(Duration::from_secs(24 * 3600 + 1));
        sweep(&world).await;
        let later = world.ctx(&root);
        assert_eq!(code(imports.add_to_import(&later, import, 1, b"}").await), "chat.import_unknown");
        assert_eq!(code(imports.start_import(&later, import, AuthorsBy::Name).await), "chat.import_unknown");
    }

    async fn two_workers_make_one_chat(world: World) {
        let [ada, root] = world.people(["ada", "gwen"]).await;
        let other = world.another_node().await;
        let mut lines: Vec<_> = (1..=20).map(|seq| line(seq, ["ada", "stranger"][seq as usize % 2], "x")).collect();
        lines[4]["content"] = "".into();
        for round in 1..=6 {
            let import = bring(&world, &root, &document(&lines), AuthorsBy::Username).await;
            let ctx = system(&world);
            let job = world.store.jobs.take(&ctx, vec!["chat.import"], 1).await.unwrap().pop().unwrap();
            let [one, two] = [&world.store, &other].map(|store| {
                store.workers.iter().find(|worker| worker.kind() == job.kind).unwrap()
            });
            let (one, two) = tokio::join!(one.work(&ctx, &job), two.work(&ctx, &job));
            for done in [&one, &two] {
                // Whoever comes second may find that it is no more its turn.
                assert!(matches!(done, Ok(()) | Err(Error::Unavailable(_))), "{done:?}");
            }
            assert!(one.is_ok() || two.is_ok());
            world.store.jobs.settle(&ctx, &job, Verdict::Done).await.unwrap();
            let done = now(&world, &root, import.id).await;
            assert_eq!((done.status, done.messages, done.refused), (ImportStatus::Done, 19, 1));
            assert_eq!(world.number("SELECT count(*) FROM chats"), round);
            let seen = messages(&world, &ada, done.chat_id.unwrap()).await;
            let said = seen.iter().filter(|message| message.kind == MessageType::System).count();
            assert_eq!((seen.len(), said), (20, 1), "each once");
            assert_eq!(participants(&world, &root, &done).await, 2);
        }
    }

    async fn a_chat_that_is_deleted_while_people_come_in_ends_it(world: World) {
        let [_, root] = world.people(["ada", "gwen"]).await;
        let import = bring(&world, &root, &document(&[line(1, "ada", "x")]), AuthorsBy::Username).await;
        let ctx = system(&world);
        let job = world.store.jobs.take(&ctx, vec!["chat.import"], 1).await.unwrap().pop().unwrap();
        let worker = world.store.workers.iter().find(|worker| worker.kind() == job.kind).unwrap();
        worker.work(&ctx, &job).await.unwrap();
        let chat = now(&world, &root, import.id).await.chat_id.unwrap();
        // As before the last one came in.
        world.meddle("UPDATE chat_imports SET status = 'running', finished_at = NULL").unwrap();
        world.store.chats.delete_chat(&world.ctx(&root), chat, None).await.unwrap();
        worker.work(&ctx, &job).await.unwrap();
        world.store.jobs.settle(&ctx, &job, Verdict::Done).await.unwrap();
        let failed = now(&world, &root, import.id).await;
        let why = failed.problem.map(|problem| problem.code);
        assert_eq!((failed.status, why.as_deref()), (ImportStatus::Failed, Some("chat.import_deleted")));
        while work(&world, &world.store).await > 0 {}
        assert_eq!(world.number("SELECT count(*) FROM chat_import_authors"), 0);
    }

    async fn no_more_come_than_there_is_room_for(world: World) {
        let [ada, bob, root] = world.people(["ada", "bob", "gwen"]).await;
        let lines = [line(1, "ada", "x"), line(2, "bob", "x"), line(3, "gwen", "x"), line(4, "stranger", "x")];
        let small = world.node_with(|options| options.messaging.people_per_group = 2).await;
        let import = bring(&world, &root, &document(&lines), AuthorsBy::Username).await;
        work(&world, &small).await;
        let done = now(&world, &root, import.id).await;
        assert_eq!((done.status, done.messages, done.left_out), (ImportStatus::Done, 4, 1));
        assert_eq!(participants(&world, &root, &done).await, 2);
        // Channels have room for everybody, but these people may not.
        let channel = document(&lines).replace("\"type\":\"group\"", "\"type\":\"channel\"");
        let import = bring(&world, &root, &channel, AuthorsBy::Username).await;
        world.group(&bob, &[]).await;
        let busy = world.node_with(|options| {
            (options.messaging.people_per_group, options.messaging.memberships) = (2, 1);
        });
        work(&world, &busy.await).await;
        let done = now(&world, &root, import.id).await;
        assert_eq!((done.status, done.left_out), (ImportStatus::Done, 2));
        assert_eq!(participants(&world, &root, &done).await, 1);
        assert!(world.store.messaging.chat(&world.ctx(&ada), done.chat_id.unwrap()).await.is_err());
    }
}
