"""The key formats that kodo knows: their prefix, their shape, and how they prove themselves.

Written from what the issuers publish of their tokens. Knows no file. Guards that a format without
a prefix of its own is not here: those need context (context.py).
"""

from collections.abc import Callable

import msgspec

from kodo.scan.secrets.checksums import has_base62_crc32, is_aws_key_id, is_bech32, is_jwt

Proof = Callable[[bytes], bool]

_END = rb"(?![A-Za-z0-9_\-])"


class Format(msgspec.Struct, frozen=True):
    """One kind of key. `marks` are literal bytes one of which every such key contains.

    `shape` is an expression, compiled when a mark is there. `proof` decides where the shape alone
    would say yes too often; `checked` says that its word is enough to report even what stands in
    tests. `minimum_bits` is the least entropy a character.
    """

    name: str
    title: str
    marks: tuple[bytes, ...]
    shape: bytes
    proof: Proof | None = None
    checked: bool = False
    minimum_bits: float = 3.0


def _format(
    name: str,
    title: str,
    marks: str,
    shape: str,
    *,
    proof: Proof | None = None,
    checked: bool = False,
    minimum_bits: float = 3.0,
) -> Format:
    expression = rb"(?<![A-Za-z0-9_\-])(?:" + shape.encode() + rb")" + _END
    literal = tuple(mark.encode() for mark in marks.split())
    return Format(name, title, literal, expression, proof, checked, minimum_bits)


FORMATS: tuple[Format, ...] = (
    _format(
        "aws-key-id",
        "an AWS access key id",
        "AKIA ASIA",
        r"A(?:KI|SI)A[A-Z2-7]{16}",
        proof=is_aws_key_id,
    ),
    _format(
        "github-token",
        "a GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_",
        r"gh[pousr]_[A-Za-z0-9]{36}",
        proof=has_base62_crc32,
        checked=True,
    ),
    _format(
        "github-fine-grained-token",
        "a GitHub fine-grained token",
        "github_pat_",
        r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
        proof=has_base62_crc32,
        checked=True,
    ),
    _format("gitlab-token", "a GitLab token", "glpat-", r"glpat-[A-Za-z0-9_\-]{20,}"),
    _format(
        "npm-token",
        "an npm access token",
        "npm_",
        r"npm_[A-Za-z0-9]{36}",
        proof=has_base62_crc32,
        checked=True,
    ),
    _format("pypi-token", "a PyPI upload token", "pypi-AgE", r"pypi-AgE[A-Za-z0-9_\-]{50,}"),
    _format(
        "slack-token",
        "a Slack token",
        "xoxb- xoxp- xoxa- xoxr- xoxs- xapp-",
        r"xox[abprs]-(?:[0-9]{8,14}-){1,3}[A-Za-z0-9]{20,40}"
        r"|xapp-[0-9]-[A-Z0-9]{8,13}-[0-9]{10,15}-[a-f0-9]{60,70}",
    ),
    _format(
        "slack-webhook",
        "the address of a Slack webhook",
        "hooks.slack.com/",
        r"hooks\.slack\.com/(?:services|workflows)/T[A-Z0-9]{7,12}/[A-Z0-9]{8,14}/[A-Za-z0-9]{20,26}",
    ),
    _format(
        "stripe-key",
        "a live Stripe key",
        "sk_live_ rk_live_",
        r"[sr]k_live_[A-Za-z0-9]{20,110}",
    ),
    _format("google-api-key", "a Google API key", "AIza", r"AIza[A-Za-z0-9_\-]{35}"),
    _format(
        "google-oauth-secret", "a Google OAuth secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_\-]{28}"
    ),
    _format(
        "sendgrid-key",
        "a SendGrid key",
        "SG.",
        r"SG\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9_\-]{43}",
    ),
    _format(
        "openai-key",
        "an OpenAI key",
        "T3BlbkFJ",
        r"sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_\-]{20,74}T3BlbkFJ[A-Za-z0-9_\-]{20,74}",
    ),
    _format(
        "anthropic-key",
        "an Anthropic key",
        "sk-ant-",
        r"sk-ant-(?:api|admin)[0-9]{2}-[A-Za-z0-9_\-]{80,110}",
    ),
    _format("hugging-face-token", "a Hugging Face token", "hf_", r"hf_[A-Za-z]{34}"),
    _format(
        "shopify-token", "a Shopify token", "shpat_ shpss_ shpca_", r"shp(?:at|ss|ca)_[a-f0-9]{32}"
    ),
    _format(
        "digitalocean-token", "a DigitalOcean token", "dop_v1_ doo_v1_", r"do[op]_v1_[a-f0-9]{64}"
    ),
    _format("docker-token", "a Docker Hub token", "dckr_pat_", r"dckr_pat_[A-Za-z0-9_\-]{27}"),
    _format("twilio-key", "a Twilio API key", "SK", r"SK[a-f0-9]{32}", minimum_bits=3.4),
    _format(
        "azure-storage-key",
        "an Azure storage key",
        "AccountKey=",
        r"AccountKey=[A-Za-z0-9+/]{86}==",
        minimum_bits=4.0,
    ),
    _format(
        "age-key",
        "a secret key of age",
        "AGE-SECRET-KEY-1",
        r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
        proof=is_bech32,
        checked=True,
    ),
    _format(
        "json-web-token",
        "a signed JSON web token",
        "eyJ",
        r"eyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{20,}",
        proof=is_jwt,
        minimum_bits=3.5,
    ),
)
