//! The analytics of a chat over HTTP.

use actix_web::web::Data;
use clowder_core::{ChatId, text::Flaw};
use clowder_messaging::{
    ChatsAnalytics,
    chat_analytics::{ChatAnalytics, Day, MOST_DAYS, Period, UtcOffset},
};

use crate::{answer::Shown, auth::Caller, call::Path, problem::Answer, query::Query};

type Port = Data<dyn ChatsAnalytics>;

pub async fn show(
    port: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    mut query: Query,
) -> Answer<Shown<ChatAnalytics>> {
    let mut day = |name| query.value(name, Flaw::new("date", "must be a date such as 2026-09-20"), Day::parse);
    let (from, to) = (day("from"), day("to"));
    let wrong = Flaw::new("offset", "must be a multiple of 15 minutes such as +05:30, from -12:00 to +14:00");
    let offset = query.value("utc_offset", wrong, UtcOffset::parse).unwrap_or(UtcOffset::UTC);
    let period = Period::of(ctx.now, from, to, offset);
    if period.is_none() {
        query.flaw("to", Flaw::new("range", format!("must be at most {MOST_DAYS} days, and not before from")));
    }
    query.check()?;
    let period = period.ok_or_else(|| clowder_core::Error::internal("a period that was not refused"))?;
    Ok(Shown(port.chat_analytics(&ctx, chat, period).await?))
}
