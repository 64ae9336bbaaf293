//! The header fields that are known by name.

/// What a header field is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One value; a second line would leave open what is meant, so that the message is malformed.
    Single,
    /// A list: values may stand in one line, split by commas, or in several.
    List,
    /// Each line is one value, which may have commas; where one is wanted, the first counts.
    Lines,
}

macro_rules! headers {
    ($($variant:ident $long:literal $($compact:literal)? $kind:ident,)*) => {
        /// A header field known by name (IANA's SIP registry).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Header { $($variant,)* }

        impl Header {
            /// By its long or compact name, in any case.
            pub fn parse(name: &[u8]) -> Option<Header> {
                $(if name.eq_ignore_ascii_case($long.as_bytes())
                    $(|| name.eq_ignore_ascii_case($compact.as_bytes()))? {
                    return Some(Header::$variant);
                })*
                None
            }

            pub fn as_str(self) -> &'static str {
                match self { $(Header::$variant => $long,)* }
            }

            /// How many there are.
            const COUNT: usize = [$(Header::$variant,)*].len();

            fn kind(self) -> Kind {
                match self { $(Header::$variant => Kind::$kind,)* }
            }
        }
    };
}

headers! {
    Via "Via" "v" List,
    From "From" "f" Single,
    To "To" "t" Single,
    CallId "Call-ID" "i" Single,
    CSeq "CSeq" Single,
    MaxForwards "Max-Forwards" Single,
    Contact "Contact" "m" List,
    ContentLength "Content-Length" "l" Single,
    ContentType "Content-Type" "c" Single,
    Route "Route" List,
    RecordRoute "Record-Route" List,
    Allow "Allow" List,
    Supported "Supported" "k" List,
    Require "Require" List,
    ProxyRequire "Proxy-Require" List,
    Unsupported "Unsupported" List,
    Accept "Accept" List,
    AcceptEncoding "Accept-Encoding" List,
    AcceptLanguage "Accept-Language" List,
    AlertInfo "Alert-Info" List,
    AllowEvents "Allow-Events" "u" List,
    AuthenticationInfo "Authentication-Info" Lines,
    Authorization "Authorization" Lines,
    CallInfo "Call-Info" List,
    ContentDisposition "Content-Disposition" Lines,
    ContentEncoding "Content-Encoding" "e" List,
    ContentLanguage "Content-Language" List,
    Date "Date" Lines,
    Diversion "Diversion" List,
    ErrorInfo "Error-Info" List,
    Event "Event" "o" Single,
    Expires "Expires" Single,
    HistoryInfo "History-Info" List,
    MimeVersion "MIME-Version" Lines,
    MinExpires "Min-Expires" Lines,
    MinSe "Min-SE" Single,
    Organization "Organization" Lines,
    PAssertedIdentity "P-Asserted-Identity" List,
    PPreferredIdentity "P-Preferred-Identity" List,
    Path "Path" List,
    Priority "Priority" Lines,
    Privacy "Privacy" Lines,
    ProxyAuthenticate "Proxy-Authenticate" Lines,
    ProxyAuthorization "Proxy-Authorization" Lines,
    RAck "RAck" Single,
    RSeq "RSeq" Single,
    Reason "Reason" List,
    ReferTo "Refer-To" "r" Single,
    ReferSub "Refer-Sub" Lines,
    ReferredBy "Referred-By" "b" Lines,
    RemotePartyId "Remote-Party-ID" List,
    Replaces "Replaces" Single,
    ReplyTo "Reply-To" Lines,
    RetryAfter "Retry-After" Lines,
    Server "Server" Lines,
    ServiceRoute "Service-Route" List,
    SessionExpires "Session-Expires" "x" Single,
    Subject "Subject" "s" Lines,
    SubscriptionState "Subscription-State" Single,
    Timestamp "Timestamp" Lines,
    UserAgent "User-Agent" Lines,
    UserToUser "User-to-User" List,
    Warning "Warning" List,
    WwwAuthenticate "WWW-Authenticate" Lines,
}

const _: () = assert!(Header::COUNT <= 128, "each has a bit in a u128");

impl Header {
    /// Whether the value is a list that may be split at commas.
    pub fn is_list(self) -> bool {
        self.kind() == Kind::List
    }

    /// Whether a second line of it makes a message malformed.
    pub fn is_single(self) -> bool {
        self.kind() == Kind::Single
    }

    /// A bit of its own, for sets.
    pub(crate) fn bit(self) -> u128 {
        1 << self as u32
    }
}
