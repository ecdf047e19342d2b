#include "pop3d/mail_policy.h"

#include "pop3d/log.h"

void
mail_policy_of_all(struct mail_policy *policy, const struct config *config)
{
	const struct config_mail *mail = &config->mail;

	policy->delay_varies = mail->login_delay_max != 0;
	policy->expire_varies = mail->expire_min != CONFIG_NEVER;
	policy->login_delay = mail->login_delay > mail->login_delay_max
				      ? mail->login_delay
				      : mail->login_delay_max;
	policy->expire =
		mail->expire < mail->expire_min ? mail->expire : mail->expire_min;
	policy->delays = policy->login_delay != 0;
}

/* A value that is not heeded, or not wholly: somebody has meant it to be. */
static void
own_log(const struct auth_identity *identity, const char *what, const char *so)
{
	log_message(LOG_WARNING, "user %s: own %s: %s", identity->user, what, so);
}

static uint64_t
login_delay(const struct mail_policy *all, const struct config_mail *mail,
	const struct auth_identity *identity)
{
	const uint64_t own = identity->login_delay;

	if (own == AUTH_UNSET)
		return mail->login_delay;
	if (!all->delay_varies) {
		own_log(identity, "login delay",
			"mail.login_delay_max is not set: mail.login_delay holds");
		return mail->login_delay;
	}
	if (own <= all->login_delay)
		return own;
	own_log(identity, "login delay", "cut to mail.login_delay_max");
	return all->login_delay;
}

static uint64_t
expire(const struct mail_policy *all, const struct config_mail *mail,
	const struct auth_identity *identity)
{
	const uint64_t own =
		identity->expire == AUTH_EXPIRE_NEVER ? CONFIG_NEVER : identity->expire;

	if (identity->expire == AUTH_UNSET)
		return mail->expire;
	if (!all->expire_varies) {
		own_log(identity, "expiry",
			"mail.expire_min is not set: mail.expire holds");
		return mail->expire;
	}
	if (own >= all->expire)
		return own;
	own_log(identity, "expiry", "raised to mail.expire_min");
	return all->expire;
}

void
mail_policy_of_user(struct mail_policy *policy, const struct config *config,
	const struct auth_identity *identity)
{
	struct mail_policy all;

	mail_policy_of_all(&all, config);
	*policy = (struct mail_policy){.delays = all.delays,
		.login_delay = login_delay(&all, &config->mail, identity),
		.expire = expire(&all, &config->mail, identity)};
}
