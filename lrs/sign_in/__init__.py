"""Ways to sign in beside the password: login providers of organizations (OpenID Connect, SAML), passkeys."""
