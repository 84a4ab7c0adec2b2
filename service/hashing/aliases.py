"""Aliases of the formats: the names used by products, by hashcat and by John the Ripper.

Case and separators are ignored. A name that only matches as part of a longer title is in `TITLES`.
"""

from collections.abc import Mapping

# Names that are matched as written: titles from hashcat's list of modes, and prefixes of hashes.
#
# A prefix that several formats share, such as `$md5$`, is not an alias.

_HASHCAT: Mapping[str, tuple[str, ...]] = {
    "joomla15": ("Joomla < 2.5.18",),
    "oscommerce": ("osCommerce, xt:Commerce",),
    "md5_salt_pass": ("SolarWinds Serv-U",),
    "screenos": ("Juniper NetScreen/SSG (ScreenOS)",),
    "ldap_sha1": ("nsldap, SHA-1(Base64), Netscape LDAP SHA",),
    "ldap_ssha": ("nsldaps, SSHA-1(Base64), Netscape LDAP SSHA",),
    "ldap_ssha256": ("SSHA-256(Base64), LDAP {SSHA256}",),
    "ldap_ssha512": ("SSHA-512(Base64), LDAP {SSHA512}",),
    "oracle11": ("Oracle S: Type (Oracle 11+)",),
    "oracle12": ("Oracle T: Type (Oracle 12+)",),
    "oracle10": ("Oracle H: Type (Oracle 7+)",),
    "smf": ("SMF (Simple Machines Forum) > v1.1",),
    "macos_10_4": ("macOS v10.4, macOS v10.5, macOS v10.6",),
    "macos_10_7": ("macOS v10.7",),
    "macos_pbkdf2": ("macOS v10.8+ (PBKDF2-SHA512)",),
    "django_salted_sha1": ("Django (SHA-1)",),
    "django_pbkdf2": ("Django (PBKDF2-SHA256)",),
    "mssql2000": ("MSSQL (2000)",),
    "mssql2005": ("MSSQL (2005)",),
    "mssql2012": ("MSSQL (2012, 2014)",),
    "mysql41": ("MySQL4.1/MySQL5",),
    "mysql_sha2": ("MySQL $A$ (sha256crypt)",),
    "postgres_scram_sha256": ("PostgreSQL SCRAM-SHA-256",),
    "md5_crypt": ("md5crypt, MD5 (Unix), Cisco-IOS $1$ (MD5)",),
    "apr_md5_crypt": ("Apache $apr1$ MD5, md5apr1, MD5 (APR)",),
    "sha256_crypt": ("sha256crypt $5$, SHA256 (Unix)",),
    "sha512_crypt": ("sha512crypt $6$, SHA512 (Unix)",),
    "des_crypt": ("descrypt, DES (Unix), Traditional DES",),
    "bsdi_crypt": ("BSDi Crypt, Extended DES",),
    "bcrypt": ("bcrypt $2*$, Blowfish (Unix)",),
    "bcrypt_of_hex_md5": ("bcrypt(md5($pass)) / bcryptmd5",),
    "bcrypt_of_hex_sha1": ("bcrypt(sha1($pass)) / bcryptsha1",),
    "bcrypt_of_hex_sha256": ("bcrypt(sha256($pass)) / bcryptsha256",),
    "bcrypt_of_hex_sha512": ("bcrypt(sha512($pass)) / bcryptsha512",),
    "woltlab_bcrypt": ("WBB4 (Woltlab Burning Board) Plugin [bcrypt(bcrypt($pass))]",),
    "woltlab3": ("WBB3 (Woltlab Burning Board)",),
    "msdcc": ("Domain Cached Credentials (DCC), MS Cache",),
    "msdcc2": ("Domain Cached Credentials 2 (DCC2), MS Cache 2",),
    "vbulletin": ("vBulletin < v3.8.5",),
    "ipb": ("MyBB 1.2+, IPB2+ (Invision Power Board)",),
    "huawei": ("Huawei sha1(md5($pass).$salt)",),
    "cisco_type4": ("Cisco-IOS type 4 (SHA256)",),
    "cisco_type8": ("Cisco-IOS $8$ (PBKDF2-SHA256)",),
    "cisco_type9": ("Cisco-IOS $9$ (scrypt)",),
    "fortios": ("FortiGate (FortiOS)",),
    "fortios_sha256": ("FortiGate256 (FortiOS256)",),
    "citrix_netscaler": ("Citrix NetScaler (SHA1)",),
    "citrix_netscaler_sha512": ("Citrix NetScaler (SHA512)",),
    "sap_b": ("SAP CODVN B (BCODE)", "SAP CODVN B (BCODE) from RFC_READ_TABLE"),
    "sap_f": ("SAP CODVN F/G (PASSCODE)", "SAP CODVN F/G (PASSCODE) from RFC_READ_TABLE"),
    "sap_h": ("SAP CODVN H (PWDSALTEDHASH) iSSHA-1", "SAP CODVN H (PWDSALTEDHASH) isSHA512"),
    "domino5": ("Lotus Notes/Domino 5",),
    "domino6": ("Lotus Notes/Domino 6",),
    "domino8": ("Lotus Notes/Domino 8",),
    "phpass": ("phpass, WordPress (MD5), Joomla (MD5)",),
    "ldap_pbkdf2_binary": ("RedHat 389-DS LDAP (PBKDF2-HMAC-SHA256)",),
    "atlassian_pbkdf2_sha1": ("Atlassian (PBKDF2-HMAC-SHA1)",),
    "coldfusion10": ("ColdFusion 10+",),
    "filezilla": ("FileZilla Server >= 0.9.55",),
    "oracle_transportation_management": ("Oracle Transportation Management (SHA256)",),
    "netwitness": ("RSA Security Analytics / NetWitness (sha256)",),
    "restful_authentication": ("Ruby on Rails Restful-Authentication",),
    "restful_authentication_1": ("Ruby on Rails Restful Auth (one round, no sitekey)",),
    "cubecart": ("CubeCart (whirlpool($salt.$pass.$salt))",),
    "openedge": ("OpenEdge Progress Encode",),
    "dovecot_cram_md5": ("CRAM-MD5 Dovecot",),
    "empirecms": ("Empire CMS (Admin password)",),
    "qnx": ("QNX /etc/shadow (MD5)", "QNX /etc/shadow (SHA256)", "QNX /etc/shadow (SHA512)"),
    "qnx7": ("QNX 7 /etc/shadow (SHA512)",),
    "sspr_0": ("NetIQ SSPR (MD5)",),
    "sspr_1": ("NetIQ SSPR (SHA1)",),
    "sspr_2": ("NetIQ SSPR (SHA-1 with Salt)",),
    "sspr_3": ("NetIQ SSPR (SHA-256 with Salt)", "Adobe AEM (SSPR, SHA-256 with Salt)"),
    "sspr_4": ("NetIQ SSPR (SHA-512 with Salt)", "Adobe AEM (SSPR, SHA-512 with Salt)"),
    **{
        f"hmac_{name}_key_{key}": (f"HMAC-{name.upper()} (key = ${key})",)
        for name in ("md5", "sha1", "sha256", "sha512")
        for key in ("pass", "salt")
    },
}
_MARKS: Mapping[str, str] = {
    "bcrypt": "$2$ $2a$ $2b$ $2x$ $2y$",
    "wordpress_bcrypt": "$wp$ $wp$2y$",
    "argon2": "$argon2d$ $argon2i$ $argon2id$",
    "ldap": "{CRYPT}",
    "ldap_md5": "{MD5}",
    "ldap_sha1": "{SHA} {SHA1}",
    "ldap_sha256": "{SHA256}",
    "ldap_sha512": "{SHA512}",
    "md5_crypt": "$1$",
    "apr_md5_crypt": "$apr1$",
    "sha256_crypt": "$5$",
    "sha512_crypt": "$6$",
    "yescrypt": "$y$",
    "gost_yescrypt": "$gy$",
    "scrypt_crypt": "$7$",
    "scrypt_mcf": "$scrypt$",
    "java_scrypt": "$s0$",
    "kratos_firescrypt": "$firescrypt$",
    "supabase_fbscrypt": "$fbscrypt$",
    "pbkdf2": "$pbkdf2-sha1$ $pbkdf2-sha256$ $pbkdf2-sha512$",
    "phpass": "$P$ $H$",
    "drupal7": "$S$",
    "cisco_type8": "$8$",
    "cisco_type9": "$9$",
    "macos_pbkdf2": "$ml$",
    "mysql_sha2": "$A$",
    "nt": "$NT$",
    "shiro1": "$shiro1$",
}
TITLES: Mapping[str, tuple[str, ...]] = {
    name: (*_HASHCAT.get(name, ()), *_MARKS.get(name, "").split()) for name in dict.fromkeys((*_HASHCAT, *_MARKS))
}
"""By format name."""


_TYPED: Mapping[str, str] = {
    "bcrypt": (
        "rails, has_secure_password, clearance, mastodon, ghost, strapi, auth0, loopback, parse, "
        "parse_server, clerk, workos, bcryptjs, play, grails, ipb4, invision4, blowfish, blf_crypt, "
        "2a, 2b, 2y, php_bcrypt, bcrypt_php, node_bcrypt, bcrypt_nodejs, ruby_on_rails, "
        "bcryptpasswordencoder, flarum, feathersjs, invision_community, crypt_blowfish, openbsd_blowfish, "
        "password_bcrypt, flask_bcrypt, bcrypt_elixir, golang_bcrypt, go_bcrypt, jbcrypt, python_bcrypt, "
        "py_bcrypt, bcrypt_ruby, bcrypt_net, lemmy, peertube, joomla_bcrypt, ips4, cassandra"
    ),
    "devise": "gitlab_devise, diaspora, rails_devise",
    "bcrypt_of_hex_md5": "vbulletin5_bcrypt_md5, vb5",
    "nt": (
        "samba, samba_nt, sambantpassword, ipanthash, active_directory, ad, ad_nt, nt_long, alfresco_md4, "
        "freeipa_nt, ntds"
    ),
    "md5": "django_unsalted_md5, raw_md5_flat, md5sum, plain_md5, unsaltedmd5passwordhasher",
    "md5_utf16le": "raw_md5u",
    "sha1": "sha, sha_1, raw_sha, sha1sum, plain_sha1",
    "sha224": "sha_224, sha2_224, raw_sha_224",
    "sha256": "sha_256, sha2_256, raw_sha_256, zabbix_sha256, otrs, sha256sum, plain_sha256",
    "sha384": "sha_384, sha2_384, raw_sha_384",
    "sha512": "sha_512, sha2_512, raw_sha_512, sha512sum, plain_sha512",
    "sha3_256": "raw_sha3",
    "keccak_256": "keccak",
    "ripemd160": "ripemd_160",
    "blake2b": "blake2b_512, raw_blake2",
    "blake2s": "blake2s_256",
    "sha1_salt_pass": "salted_sha1_salt_first",
    "sha256_salt_pass": "formspring",
    "ldap_sha1": "nsldap",
    "ldap_ssha": "nsldaps, salted_sha1, ssha1",
    "ldap_ssha512": "zimbra, salted_sha512",
    "ldap_pbkdf2": "elasticsearch_pbkdf2",
    "atlassian_pbkdf2_sha1": "jira, confluence, crowd, bamboo, bitbucket, atlassian_security",
    "aspnet_membership": (
        "dnn, dotnetnuke, sitecore, sharepoint, membership, sql_membership, sqlmembershipprovider, membership_provider"
    ),
    "aspnet_identity_v2": "identity_v2, simplemembership, simple_membership, aspnet_identity_2, asp_net_identity_2",
    "aspnet_identity_v3": "identity_v3, aspnetcore, aspnet_core, aspnet_identity_3",
    "aspnet_identity": (
        "aspnetidentity, identity, microsoft_identity, asp_net_identity, asp_net_core_identity, net_identity, "
        "dotnet_identity"
    ),
    "keycloak": "keycloak_credential_json, rhsso, red_hat_sso",
    "firebase_scrypt": "firebase_auth, firebase_auth_scrypt, modified_scrypt",
    "pbkdf2": "pbkdf2_passlib, pbkdf2_passlib_mcf, odoo, erpnext, frappe, ckan, typo3_pbkdf2, gitlab_pbkdf2, openerp",
    "pbkdf2_sha256": "salted_pbkdf2_hmac_sha256, fusionauth, pbkdf2_hmac_sha_256, pbkdf2withhmacsha256",
    "pbkdf2_sha512": "salted_pbkdf2_hmac_sha512, pbkdf2_hmac_sha_512, pbkdf2withhmacsha512",
    "pbkdf2_sha1": "pbkdf2_hmac_sha_1, pbkdf2withhmacsha1, rfc2898, rfc2898derivebytes",
    "werkzeug": "werkzeug_plain, superset, airflow, flask_security_plain, werkzeug_security",
    "django": "authentik, sentry, taiga, weblate, netbox, zulip, wagtail, saleor, awx",
    "django_pbkdf2": "pbkdf2_django, django_pbkdf2_hmac_sha256, pbkdf2passwordhasher, pbkdf2sha1passwordhasher",
    "md5_crypt": "md5crypt_long, freebsd_md5, cisco_type5, cisco5, cisco_ios_md5, crypt_md5, unix_md5, bsd_md5",
    "apr_md5_crypt": "apr1_md5, apr, apache_apr1",
    "des_crypt": "crypt_des, des, traditional_des, unix_des, unixcrypt, crypt_std_des",
    "sha512_crypt": "redash, phpipam, moodle_sha512, crypt_sha512, unix_sha512",
    "ldap": (
        "freeipa, ipa, edirectory, netiq_edirectory, oud, odsee, sundsee, apacheds, oid, 389ds, forgerock, "
        "opendj, pingdirectory, oracle_unified_directory, sun_directory, red_hat_directory_server, rhel_idm"
    ),
    "mysql41": "mysql_password, mysql_sha1, mysqlpassword, mysql4_1, mysql56, mysql57",
    "mysql323": "mysql_old, old_password",
    "mssql2005": "mssql05, sqlserver2005, sqlserver2008",
    "mssql2012": (
        "mssql12, mssql2017, mssql2019, mssql2022, sqlserver2012, sqlserver2014, sqlserver2016, "
        "sqlserver2017, sqlserver2019, sqlserver2022"
    ),
    "oracle10": "oracle_des",
    "oracle12": "oracle18, oracle19, oracle18c, oracle19c, oracle21c",
    "sybase_ase": "sybasease",
    "sap_b": "sapb",
    "sap_f": "sapg",
    "sap_h": "saph",
    "domino5": "lotus_notes_5",
    "domino8": "lotus85",
    "aix_ssha": "aix",
    "cisco_pix": "pix, pix_md5, cisco_pix_md5",
    "cisco_asa": "asa, asa_md5, cisco_asa_md5",
    "macos_10_4": "xsha",
    "macos_10_7": "xsha512",
    "restful_authentication_1": "clearance_sha1",
    "postgres_scram_sha256": "scram_sha256, postgresql_scram, postgresql_scram_sha256",
    "xmpp_scram": "openfire_scram, ejabberd_scram",
    "phpass": "phpass_md5, vanilla, typo3_phpass, wordpress_phpass",
    "sun_md5_crypt": "solaris, solaris_md5",
    "bigcrypt": "hpux, hp_ux, osf1",
    "azure_ad_connect": "azure_ad_connect_pph1_md4, azuread",
    "mediawiki_b": "mediawiki_md5",
    "wordpress_bcrypt": "wordpress_6_8",
    "spring_bare_standard": "standardpasswordencoder, spring_standardpasswordencoder",
    "lm": "lm_hash, sambalmpassword",
    "bsdi_crypt": "bsdi, crypt_ext_des",
    "msdcc": "ms_cache",
    "argon2": (
        "passwap_argon2, kratos_argon2, directus, argon2passwordencoder, password_argon2i, password_argon2id, "
        "argon2_cffi, argon2_jvm, node_argon2, argon2_elixir, crypto_pwhash_str"
    ),
    "nextcloud": "nextcloud_1, nextcloud_2",
    "magento_argon2": "magento2_argon2id13",
    "supertokens_f_scrypt": "supertokens_firebase_scrypt",
    "nt_crypt": "bsd_nthash",
    "cleartext": "ldap_plaintext, roundup_plaintext, nooppasswordencoder",
    "keccak_512": "raw_keccak",
    "vbulletin": "phps2",
    "oscommerce": "osc",
    "whirlpool": "whirpool",
    "citrix_netscaler": "citrix_ns10",
    "screenos": "md5ns",
    "mssql": "mssql_pwdencrypt, pwdencrypt",
    "ldap_pbkdf2_binary": "389_ds_pbkdf2_sha256",
    "sha256_crypt": "crypt_sha256, unix_sha256",
    "crypt": "unix, linux, unix_shadow, linux_shadow, etc_shadow",
    "scrypt": "node_scrypt, nodejs_scrypt",
    "mssql2000": "sqlserver2000",
    "postgres_md5": "pg_md5",
    "postgresql": "pg",
    "mongodb_scram": "mongodb_scram_sha_1, mongodb_scram_sha_256",
    "wordpress": "wp, woocommerce, buddypress",
    "joomla": "joomla3, joomla4, joomla5",
    "phpbb": "phpbb3, phpbb32",
    "spring": "delegatingpasswordencoder",
    "spring_scrypt": "scryptpasswordencoder",
    "mybb": "mybb16, mybb18",
    "php": "password_default, pixelfed",
    "django_argon2": "argon2passwordhasher",
    "django_scrypt": "scryptpasswordhasher",
    "django_bcrypt": "bcryptpasswordhasher",
    "django_bcrypt_sha256": "bcryptsha256passwordhasher",
    "django_salted_md5": "md5passwordhasher",
    "django_salted_sha1": "sha1passwordhasher",
    "mysql_sha2": "mysql80",
    "drupal7": "drupal_sha512",
    "magento": "adobe_commerce",
    "ipb": "invision_power_board",
    "smf": "simple_machines_forum",
    "hmailserver": "hmail",
    "java_scrypt": "lambdaworks",
}
NAMES: Mapping[str, tuple[str, ...]] = {
    name: (*filter(None, _TYPED.get(name, "").split(", ")), *TITLES.get(name, ()))
    for name in dict.fromkeys((*_TYPED, *TITLES))
}
"""By format name."""
