//! The tables of the readers of the journal.

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    readers (name) {
        name -> Text,
        epoch -> Uid,
        holder -> Nullable<Uid>,
        lease_until -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    reader_positions (reader, stream) { reader -> Text, stream -> SmallInt, position -> BigInt, }
}

diesel::allow_tables_to_appear_in_same_query!(reader_positions, readers);
