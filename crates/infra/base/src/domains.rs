//! What each domain keeps in the database: its tables over SQL types that map to both databases, its rows, its emails and
//! its options, all in its own folder. A test holds the tables against what the migrations make.
//!
//! Each domain's `schema.rs` says which of its tables can be in one query, and with which of other domains: pairs cost
//! compile time, and all pairs of all tables would cost most of it.

pub mod accounts;
pub mod activity;
pub mod api_keys;
pub mod audit;
pub mod blocks;
pub mod credentials;
pub mod friends;
pub mod groups;
pub mod idempotency;
pub mod jobs;
pub mod journal;
pub mod media;
pub mod messaging;
pub mod notices;
pub mod notifications;
pub mod pets;
pub mod preferences;
pub mod presence;
pub mod privacy;
pub mod profiles;
pub mod push;
pub mod readers;
pub mod reports;
pub mod sign_ups;
pub mod two_factor;
pub mod webhooks;

/// Hands all domains to a macro, each with its port, if it has one. They are swept in this order; within a phase of an
/// erasure, and in an export, their parts come in it. Of each there is a module in `repo/` and among the contract tests,
/// with its `DOMAIN`; the store has a field for each port.
#[macro_export]
macro_rules! for_domains {
    ($each:ident) => {
        $each! {
            messaging: clowder_messaging::Messaging,
            chats: clowder_messaging::Chats,
            chat_exports: clowder_messaging::ChatExports,
            chat_imports: clowder_messaging::ChatImports,
            chat_analytics: clowder_messaging::ChatsAnalytics,
            chat_templates: clowder_messaging::ChatTemplates,
            participants: clowder_messaging::Participants,
            invitations: clowder_messaging::Invitations,
            moderation: clowder_messaging::Moderation,
            scheduled: clowder_messaging::ScheduledMessages,
            lifetimes: clowder_messaging::Lifetimes,
            keeping: clowder_messaging::Keeping,
            relations: clowder_messaging::Relations,
            search: clowder_messaging::MessageSearch,
            polls: clowder_messaging::Polls,
            friends: clowder_social::Friends,
            blocks: clowder_social::Blocks,
            groups: clowder_social::Groups,
            pets: clowder_social::Pets,
            reports: clowder_social::Reports,
            notifications: clowder_notifications::Notifications,
            push: clowder_notifications::PushSubscriptions,
            notices: clowder_notifications::notices::Notices,
            webhooks: clowder_notifications::Webhooks,
            media: clowder_media::Files,
            care: clowder_media::FileCare,
            accounts: clowder_accounts::Accounts,
            preferences: clowder_accounts::Preferences,
            presence: clowder_accounts::Presences,
            profiles: clowder_accounts::Profiles,
            two_factor: clowder_accounts::TwoFactor,
            credentials: clowder_accounts::Credentials,
            sign_ups: clowder_accounts::SignUps,
            staff: clowder_accounts::Staff,
            api_keys: clowder_accounts::ApiKeys,
            activity: clowder_accounts::ActivityLog,
            privacy: clowder_accounts::Privacy,
            idempotency,
            jobs: clowder_core::Jobs,
            audit: clowder_accounts::AuditLog,
            journal: clowder_core::Journal,
            readers: clowder_infra_base::Readers,
            sealing: clowder_infra_base::seal::Sealing,
            upkeep: clowder_infra_base::Upkeep,
        }
    };
}
