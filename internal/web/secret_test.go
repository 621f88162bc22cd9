package web

import "testing"

func TestSecrets(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name, value string
		secret      bool
	}{
		{"GREETING", "good day", false},
		{"LOG_LEVEL", "debug", false},
		{"MANAGER_URL", "http://system_manager:10000/api?x=1", false},
		{"MAIL_FROM", "ann@example.org", false},
		{"PORT", "8080", false},
		{"DB_PASSWORD", "x", true},
		{"MYSQL_PWD", "x", true},
		{"AWS_ACCESS_KEY_ID", "x", true},
		{"apiToken", "x", true},
		{"SESSION_COOKIE", "x", true},
		{"SENTRY_DSN", "x", true},
		{"DATABASE", "postgres://u:hunter2@db/x", true},
		{"DATABASE", "postgres://u:hun/ter2@db/x", true},
		{"CACHE", "redis://:hunter2@cache:6379", true},
		{"REPOSITORY", "https://ghp_abc@github.com/x/y", true},
		{"JDBC", "jdbc:postgresql://u:p@db/x", true},
		{"DATABASE", "host=db user=u password=hunter2", true},
		{"DATABASE", "Server=db;User Id=sa;Password = hunter2;", true},
		{"SETTINGS", `{"user":"u","secret":"hunter2"}`, true},
		{"CERTIFICATE", "-----BEGIN RSA PRIVATE KEY-----\nx", true},
		{"HEADER", "Bearer abc", true},
	} {
		if got := isSecret(v.name, v.value); got != v.secret {
			t.Errorf("%s=%s: %t", v.name, v.value, got)
		}
	}
}
