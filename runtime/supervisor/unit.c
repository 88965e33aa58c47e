/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>

static const char *const handed_on[] = { "CCM_HOME", "CLAUDE_CONFIG_DIR", "PATH" };

static const char *value_of(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

/* A word between double quotes: % begins a specifier there, $ a variable, \ an escape. */
static void add_word(struct ccm_sbuf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '%' || *text == '$')
			ccm_sbuf_addc(out, *text);
		else if (*text == '"' || *text == '\\')
			ccm_sbuf_addc(out, '\\');
		ccm_sbuf_addc(out, *text);
	}
}

/* The same in a line that knows no variables. */
static void add_value(struct ccm_sbuf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '%')
			ccm_sbuf_addc(out, '%');
		else if (*text == '"' || *text == '\\')
			ccm_sbuf_addc(out, '\\');
		ccm_sbuf_addc(out, *text);
	}
}

void unit_systemd(struct ccm_sbuf *out, const char *program)
{
	ccm_sbuf_adds(out, "# Written by 'ccm-supervisor install'; 'ccm-supervisor uninstall' takes it away.\n"
		      "[Unit]\n"
		      "Description=ccm: the part that may take time\n"
		      "Documentation=man:ccm-supervisor(1)\n"
		      "\n"
		      "[Service]\n"
		      "Type=notify\n"
		      "ExecStart=\"");
	add_word(out, program);
	ccm_sbuf_adds(out, "\" daemon\nExecReload=\"");
	add_word(out, program);
	ccm_sbuf_adds(out, "\" reload\n");
	for (size_t i = 0; i < ARRAY_SIZE(handed_on); i++) {
		const char *value = value_of(handed_on[i]);

		if (!value)
			continue;
		ccm_sbuf_addf(out, "Environment=\"%s=", handed_on[i]);
		add_value(out, value);
		ccm_sbuf_adds(out, "\"\n");
	}
	ccm_sbuf_adds(out, "Restart=always\n"
		      "RestartSec=1\n"
		      "WatchdogSec=120\n"
		      "TimeoutStopSec=20\n"
		      "\n"
		      "[Install]\n"
		      "WantedBy=default.target\n");
}

static void add_xml(struct ccm_sbuf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			ccm_sbuf_adds(out, "&amp;");
		else if (*text == '<')
			ccm_sbuf_adds(out, "&lt;");
		else
			ccm_sbuf_addc(out, *text);
	}
}

void unit_launchd(struct ccm_sbuf *out, const char *program)
{
	ccm_sbuf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		      "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
		      "<plist version=\"1.0\">\n<dict>\n"
		      "\t<key>Label</key>\n\t<string>" UNIT_LABEL "</string>\n"
		      "\t<key>ProgramArguments</key>\n\t<array>\n\t\t<string>");
	add_xml(out, program);
	ccm_sbuf_adds(out, "</string>\n\t\t<string>daemon</string>\n\t</array>\n"
		      "\t<key>EnvironmentVariables</key>\n\t<dict>\n");
	for (size_t i = 0; i < ARRAY_SIZE(handed_on); i++) {
		const char *value = value_of(handed_on[i]);

		if (!value)
			continue;
		ccm_sbuf_addf(out, "\t\t<key>%s</key>\n\t\t<string>", handed_on[i]);
		add_xml(out, value);
		ccm_sbuf_adds(out, "</string>\n");
	}
	ccm_sbuf_adds(out, "\t</dict>\n\t<key>KeepAlive</key>\n\t<true/>\n\t<key>RunAtLoad</key>\n\t<true/>\n</dict>\n</plist>\n");
}

void unit_systemd_path(struct ccm_sbuf *out)
{
	const char *config = value_of("XDG_CONFIG_HOME"), *home = value_of("HOME");

	if (config && config[0] == '/')
		ccm_sbuf_addf(out, "%s/systemd/user/" UNIT_NAME, config);
	else if (home)
		ccm_sbuf_addf(out, "%s/.config/systemd/user/" UNIT_NAME, home);
}

void unit_launchd_path(struct ccm_sbuf *out)
{
	const char *home = value_of("HOME");

	if (home)
		ccm_sbuf_addf(out, "%s/Library/LaunchAgents/" UNIT_LABEL ".plist", home);
}
