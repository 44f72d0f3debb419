//! Who asked to come in somewhere and who was invited, for as long as it counts; and the end of what nobody answers.
//! Groups, chats and pets keep this in tables of one form, and each has these functions over its own.

use clowder_core::{Ctx, Result, Timestamp, UserId, attempt::OPEN_FOR};

use serde_json::Value;

use super::{Repo, db::Tx, dialect::Conn, domains::Steps};

/// How many open requests and invitations expire at a time.
pub const PIECE: i64 = 200;

/// What somebody attempted: to come in, or to bring others in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Invitation,
    /// Others were brought in without being asked.
    Addition,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Invitation => "invitation",
            Self::Addition => "addition",
        }
    }
}

/// Whether somebody decided on a request; otherwise it was taken back, or is over.
pub fn is_decided(decision: &Value) -> bool {
    decision["action"] == "approve" || decision["action"] == "reject"
}

/// Whether whoever was invited does not want to come.
pub fn is_declined(uninvited: &Value) -> bool {
    uninvited["reason"] == "declined"
}

/// Whether those who invited took it back.
pub fn is_withdrawn(uninvited: &Value) -> bool {
    uninvited["reason"] == "withdrawn"
}

/// The functions over a table of invitations, whose rows name a place in this column.
macro_rules! invitations {
    ($table:ident, $place:ident: $Place:ty) => {
        fn made_today(
            ctx: &clowder_core::Ctx,
            kind: Kind,
            by: clowder_core::UserId,
        ) -> $table::BoxedQuery<'static, $crate::dialect::Backend> {
            let since = ctx.now.minus(clowder_core::attempt::A_DAY);
            let made = $table::by_id.eq(by).and($table::kind.eq(kind.as_str())).and($table::made_at.gt(since));
            $table::table.filter(made).into_boxed()
        }

        /// Notes that somebody asked, or invited these people.
        pub fn note(
            conn: &mut Conn,
            ctx: &Ctx,
            kind: Kind,
            place: $Place,
            users: &[UserId],
            by: UserId,
        ) -> Result<()> {
            let rows: Vec<_> = users
                .iter()
                .map(|user| {
                    (
                        $table::id.eq(Id::<()>::new(ctx.now)),
                        $table::kind.eq(kind.as_str()),
                        $table::$place.eq(place),
                        $table::user_id.eq(*user),
                        $table::by_id.eq(by),
                        $table::made_at.eq(ctx.now),
                    )
                })
                .collect();
            diesel::insert_into($table::table).values(rows).execute(conn)?;
            Ok(())
        }

        /// Notes that somebody was rejected, or has declined. What was attempted before attempts were noted is noted now.
        pub fn refused(conn: &mut Conn, ctx: &Ctx, kind: Kind, place: $Place, user: UserId) -> Result<()> {
            let open = $table::$place.eq(place).and($table::user_id.eq(user)).and($table::kind.eq(kind.as_str()));
            let open = $table::table.filter(open).filter($table::refused_at.is_null());
            if diesel::update(open).set($table::refused_at.eq(ctx.now)).execute(conn)? > 0 {
                return Ok(());
            }
            let row = (
                $table::id.eq(Id::<()>::new(ctx.now)),
                $table::kind.eq(kind.as_str()),
                $table::$place.eq(place),
                $table::user_id.eq(user),
                $table::made_at.eq(ctx.now),
                $table::refused_at.eq(ctx.now),
            );
            diesel::insert_into($table::table).values(row).execute(conn)?;
            Ok(())
        }

        /// How many people somebody has invited within a day.
        pub fn invited_today(conn: &mut Conn, ctx: &Ctx, by: UserId) -> Result<i64> {
            Ok(made_today(ctx, Kind::Invitation, by).count().get_result(conn)?)
        }

        /// When each of these people was last rejected there, or has last declined an invitation to it.
        pub fn last_refused(
            conn: &mut Conn,
            kind: Kind,
            place: $Place,
            users: &[UserId],
        ) -> Result<std::collections::HashMap<UserId, Timestamp>> {
            let all: Vec<(UserId, Option<Timestamp>)> = $table::table
                .filter($table::$place.eq(place).and($table::kind.eq(kind.as_str())))
                .filter($table::user_id.eq_any(users).and($table::refused_at.is_not_null()))
                .order($table::refused_at)
                .select(($table::user_id, $table::refused_at))
                .load(conn)?;
            Ok(all.into_iter().filter_map(|(user, at)| Some((user, at?))).collect())
        }

        /// Attempts that count for nothing any more.
        pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
            use clowder_core::attempt::{AGAIN_AFTER, KEPT_FOR, OPEN_FOR};
            const { assert!(KEPT_FOR.as_secs() > OPEN_FOR.as_secs() + AGAIN_AFTER.as_secs()) };
            let past = ctx.now.minus(KEPT_FOR);
            let over = $table::refused_at.is_null().or($table::refused_at.le(past));
            Ok($crate::repo::upkeep::forget!(tx, $table by id: Id<()>, $table::made_at.le(past).nullable().and(over)))
        }
    };
}
pub(super) use invitations;

/// The same over a table of requests and invitations.
macro_rules! attempts {
    ($table:ident, $place:ident: $Place:ty) => {
        $crate::repo::attempts::invitations!($table, $place: $Place);

        /// How often somebody has come in by themselves or asked to, within a day: everywhere, and there.
        fn today(conn: &mut Conn, ctx: &Ctx, place: $Place, user: UserId) -> Result<(i64, i64)> {
            let today = || made_today(ctx, Kind::Request, user);
            let here = today().filter($table::$place.eq(place)).count().get_result(conn)?;
            Ok((today().count().get_result(conn)?, here))
        }

        /// Whether somebody who comes in by themselves, without asking anybody, has done so too often; otherwise this is
        /// noted.
        pub fn comes_too_often(conn: &mut Conn, ctx: &Ctx, place: $Place, user: UserId) -> Result<bool> {
            let (today, here_today) = today(conn, ctx, place, user)?;
            if clowder_core::attempt::is_often(today, here_today) {
                return Ok(true);
            }
            note(conn, ctx, Kind::Request, place, &[user], user)?;
            Ok(false)
        }

        /// What is known of somebody who asks; how many requests wait, and how many of theirs are open, is not known here.
        fn asked(conn: &mut Conn, ctx: &Ctx, place: $Place, user: UserId) -> Result<AskFacts> {
            let (today, here_today) = today(conn, ctx, place, user)?;
            Ok(AskFacts {
                today,
                here_today,
                rejected_at: last_refused(conn, Kind::Request, place, &[user])?.remove(&user),
                ..AskFacts::default()
            })
        }

        /// How often somebody has invited each of these people within a day.
        pub fn invited_each(
            conn: &mut Conn,
            ctx: &Ctx,
            by: UserId,
            users: &[UserId],
        ) -> Result<std::collections::HashMap<UserId, i64>> {
            let since = ctx.now.minus(clowder_core::attempt::A_DAY);
            let made = $table::by_id.eq(by).and($table::kind.eq(Kind::Invitation.as_str()));
            let made = $table::table.filter(made).filter($table::made_at.gt(since));
            let each = made.filter($table::user_id.eq_any(users)).group_by($table::user_id);
            let each: Vec<(UserId, i64)> = each.select(($table::user_id, diesel::dsl::count_star())).load(conn)?;
            Ok(each.into_iter().collect())
        }
    };
}
pub(super) use attempts;

/// Finds some of what was open already at that time: where, and of whom.
type Due<P> = fn(&mut Conn, Timestamp) -> Result<Vec<(P, UserId)>>;

/// Ends requests and invitations that were open for too long, each in a transaction of its own.
pub fn expire<'a, P: Send + 'static>(
    repo: &'a Repo,
    ctx: &'a Ctx,
    due: Due<P>,
    one: fn(&mut Tx<'_>, &Ctx, &P, UserId) -> Result<usize>,
) -> Steps<'a> {
    Box::pin(async move {
        let (mut count, before) = (0, ctx.now.minus(OPEN_FOR));
        loop {
            let due = repo.db.read(move |conn| due(conn, before)).await?;
            let mut expired = 0;
            for (place, user) in due {
                let ctx = ctx.clone();
                expired += repo.db.write(move |tx| one(tx, &ctx, &place, user)).await?;
            }
            count += expired;
            // What is left belongs to people who are being erased, or to places that are being deleted.
            if expired == 0 {
                return Ok(count);
            }
        }
    })
}
