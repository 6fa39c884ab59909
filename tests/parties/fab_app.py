"""An application with Flask-AppBuilder, signing in by its documented OAUTH_PROVIDERS (Authlib), groups mapped to roles."""

from flask import Flask
from flask_appbuilder import AppBuilder
from flask_appbuilder.const import AUTH_OAUTH
from flask_appbuilder.security.sqla.manager import SecurityManager
from flask_appbuilder.utils.legacy import get_sqla_class
from werkzeug.serving import make_server

from talk import heard, leave_with_the_test, tell

told = heard()


class ChancerySecurityManager(SecurityManager):
    def oauth_user_info(self, provider, response=None):
        claims = self.oauth_remotes[provider].userinfo(token=response)
        return {
            "username": claims["preferred_username"],
            "email": claims["email"],
            "first_name": claims["given_name"],
            "last_name": claims["family_name"],
            "role_keys": claims.get("groups", []),
        }


app = Flask(__name__)
app.config.update(
    SECRET_KEY="only in tests, and long enough",
    SQLALCHEMY_DATABASE_URI="sqlite://",
    SESSION_COOKIE_NAME="fab",
    RATELIMIT_ENABLED=False,
    AUTH_TYPE=AUTH_OAUTH,
    AUTH_USER_REGISTRATION=True,
    AUTH_USER_REGISTRATION_ROLE="Public",
    AUTH_ROLES_SYNC_AT_LOGIN=True,
    AUTH_ROLES_MAPPING={"harbour": ["Admin"]},
    OAUTH_PROVIDERS=[
        {
            "name": "chancery",
            "icon": "fa-key",
            "token_key": "access_token",
            "remote_app": {
                "client_id": told["client_id"],
                "client_secret": told["client_secret"],
                "server_metadata_url": f"{told['issuer']}/.well-known/openid-configuration",
                "client_kwargs": {"scope": "openid profile email groups", "code_challenge_method": "S256"},
            },
        }
    ],
)
db = get_sqla_class()(app)
with app.app_context():
    appbuilder = AppBuilder(app, db.session, security_manager_class=ChancerySecurityManager)

    @app.get("/roles-of-user")
    def roles_of_user():
        user = appbuilder.sm.current_user
        if user is None or user.is_anonymous:
            return {"user": None}
        return {"user": user.username, "email": user.email, "roles": sorted(role.name for role in user.roles)}

server = make_server("127.0.0.1", 0, app, threaded=False)
leave_with_the_test()
tell({"at": f"http://127.0.0.1:{server.server_port}"})
server.serve_forever()
