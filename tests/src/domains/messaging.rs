//! The private chat of the owner and their friend, and a message in it.

use super::{Comes, Thing};

pub const THINGS: &[Thing] = &[
    Thing {
        name: "chat_id",
        comes: Comes::Made(|stage| Box::pin(async move { stage.owner.private_chat(stage.friend).await })),
    },
    Thing {
        name: "message_id",
        comes: Comes::Made(|stage| {
            Box::pin(async move {
                let chat = stage.owner.private_chat(stage.friend).await;
                stage.owner.says(&chat, "between us").await["id"].as_str().unwrap().to_owned()
            })
        }),
    },
];
