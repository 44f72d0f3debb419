//! The tables of the journal.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    epoch (single) { single -> SmallInt, id -> Uid, timeline -> Nullable<BigInt>, }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    former_epochs (epoch) { epoch -> Uid, successor -> Uid, heads -> Text, }
}

diesel::table! {
    use diesel::sql_types::*;
    streams (stream) { stream -> SmallInt, head -> BigInt, floor -> BigInt, segment -> Integer, }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    journal_marks (measured) { measured -> BigInt, marked_at -> Ts, heads -> Text, }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    journal (stream, position) {
        stream -> SmallInt,
        position -> BigInt,
        topic_kind -> Text,
        topic_id -> Uid,
        name -> Text,
        actor_id -> Nullable<Uid>,
        subject_id -> Nullable<Uid>,
        follow -> Nullable<Text>,
        follower_id -> Nullable<Uid>,
        followed_kind -> Nullable<Text>,
        followed_id -> Nullable<Uid>,
        seq -> Nullable<BigInt>,
        at -> Ts,
        data -> Text,
        segment -> Integer,
    }
}

diesel::allow_tables_to_appear_in_same_query!(epoch, former_epochs, journal, journal_marks, streams);
