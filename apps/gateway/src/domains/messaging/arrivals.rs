//! Messages that have arrived at a device.

use clowder_core::{Id, Recorded};
use clowder_messaging::{NewRead, change::MESSAGE_SENT};
use serde::Deserialize;

use crate::ws::arrivals::{Arrivals, Noted};

pub const ARRIVALS: Arrivals = Arrivals {
    event: MESSAGE_SENT,
    number,
    note: |store, ctx, chat, seq| {
        Box::pin(async move {
            let delivered = store.messaging.delivered(ctx, Id::from_uuid(chat.id), NewRead { seq }).await?;
            Ok(if delivered.kept { Noted::UpTo(delivered.seq) } else { Noted::Never })
        })
    },
};

fn number(recorded: &Recorded) -> Option<i64> {
    #[derive(Deserialize)]
    struct Numbered {
        seq: i64,
    }
    serde_json::from_str::<Numbered>(recorded.data.get()).ok().map(|numbered| numbered.seq)
}
