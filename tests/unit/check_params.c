/* check_params.c: names below with/ as members of an export's POST (API.md 3.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include <qxfs/base/sys.h>

#include "../../fs/tree/dates.h"
#include "../../fs/tree/param_values.h"
#include "../../fs/tree/params.h"

#define UUID "0123abcd-45ef-6789-ABCD-ef0123456789"

static void members_in(const char *name, unsigned form, const char *expected)
{
	struct buf out = { 0 };
	struct qx_fail why = { 0 };

	if (params_parse(name, form, &out, &why) < 0)
		fail_msg("%s: %s", name, why.why);
	assert_string_equal(buf_text(&out), expected);
	buf_done(&out);
}

static void members_are(const char *name, const char *expected)
{
	members_in(name, PARAMS_FOLDER, expected);
}

static void refused_in(const char *name, unsigned form, const char *words)
{
	struct buf out = { 0 };
	struct qx_fail why = { 0 };

	buf_add_str(&out, "before");
	if (params_parse(name, form, &out, &why) != -ENOENT)
		fail_msg("%s is not refused", name);
	assert_string_equal(buf_text(&out), "before");
	assert_int_equal(why.err, ENOENT);
	assert_string_not_equal(why.remedy, "");
	if (!strstr(why.why, words) && !strstr(why.remedy, words))
		fail_msg("%s: '%s' '%s' lacks '%s'", name, why.why, why.remedy, words);
	buf_done(&out);
}

static void refused(const char *name, const char *words)
{
	refused_in(name, PARAMS_FOLDER, words);
}

/* Every parameter of API.md 3.2 that is for people, with a value, in the table's order. */
static const struct {
	const char *typed, *member;
} every[] = {
	{ "startDate=2026-01-15T08:00:00Z", "\"startDate\":\"2026-01-15T08:00:00Z\"" },
	{ "endDate=2026-02-01T00:00:00+01:00", "\"endDate\":\"2026-01-31T23:00:00Z\"" },
	{ "limit=100", "\"limit\":100" },
	{ "useLabels=true", "\"useLabels\":true" },
	{ "includeLabelColumns=true", "\"includeLabelColumns\":true" },
	{ "breakoutSets=false", "\"breakoutSets\":false" },
	{ "seenUnansweredRecode=-99", "\"seenUnansweredRecode\":-99" },
	{ "multiselectSeenUnansweredRecode=999", "\"multiselectSeenUnansweredRecode\":999" },
	{ "includeDisplayOrder=true", "\"includeDisplayOrder\":true" },
	{ "formatDecimalAsComma=true", "\"formatDecimalAsComma\":true" },
	{ "timeZone=Europe%2FBerlin", "\"timeZone\":\"Europe/Berlin\"" },
	{ "newlineReplacement=%2C ", "\"newlineReplacement\":\", \"" },
	{ "questionIds=QID1+QID12", "\"questionIds\":[\"QID1\",\"QID12\"]" },
	{ "embeddedDataIds=cong.first_name", "\"embeddedDataIds\":[\"cong.first_name\"]" },
	{ "surveyMetadataIds=", "\"surveyMetadataIds\":[]" },
	{ "filterId=" UUID, "\"filterId\":\"" UUID "\"" },
	{ "exportResponsesInProgress=true", "\"exportResponsesInProgress\":true" },
	{ "sortByLastModifiedDate=true", "\"sortByLastModifiedDate\":true" },
	{ "includeWaveWeights=true", "\"includeWaveWeights\":true" },
};

static void test_every_parameter_by_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(every); i++)
		members_are(every[i].typed, every[i].member);
}

static void test_any_two_in_either_order_give_the_same_bytes(void **state)
{
	char name[200], members[200];

	(void)state;
	for (size_t i = 0; i < countof(every); i++) {
		for (size_t j = i + 1; j < countof(every); j++) {
			struct buf out = { 0 };
			struct qx_fail why = { 0 };
			(void)snprintf(name, sizeof(name), "%s,%s", every[i].typed, every[j].typed);
			(void)snprintf(members, sizeof(members), "%s,%s", every[i].member,
			               every[j].member);
			bool good = params_parse(name, PARAMS_FOLDER, &out, &why) == 0;
			if (good)
				assert_string_equal(buf_text(&out), members);
			else
				assert_non_null(strstr(why.why, "exclude each other"));
			(void)snprintf(name, sizeof(name), "%s,%s", every[j].typed, every[i].typed);
			buf_clear(&out);
			assert_int_equal(params_parse(name, PARAMS_FOLDER, &out, &why) == 0, good);
			if (good)
				assert_string_equal(buf_text(&out), members);
			buf_done(&out);
		}
	}
}

static void test_spellings_of_a_value_give_the_same_bytes(void **state)
{
	(void)state;
	members_are("limit=007", "\"limit\":7");
	members_are("seenUnansweredRecode=-0", "\"seenUnansweredRecode\":0");
	members_are("startDate=20260115T080000Z", "\"startDate\":\"2026-01-15T08:00:00Z\"");
	members_are("startDate=2026-01-15T10:00:00+02:00",
	            "\"startDate\":\"2026-01-15T08:00:00Z\"");
	members_are("questionIds=Q%49D1%2bx", "\"questionIds\":[\"QID1+x\"]");
	members_are("useLabels=%74rue", "\"useLabels\":true");
}

static void test_dates_read_the_same_in_both_folders(void **state)
{
	struct buf out = { 0 };
	struct dates d;
	struct qx_fail why;
	struct zone *zone;

	(void)state;
	assert_int_equal(zone_new("UTC", &zone), 0);
	assert_int_equal(dates_parse("20260115T080000Z..20260116T080000Z", zone, 0, &d, &why), 0);
	zone_free(zone);
	dates_members(&d, &out);
	members_are("endDate=20260116T080000Z,startDate=20260115T080000Z", buf_text(&out));
	buf_done(&out);
}

static void test_what_a_name_cannot_hold_is_percent_encoded(void **state)
{
	(void)state;
	members_are("newlineReplacement=%2F%2C%3D%25%2B", "\"newlineReplacement\":\"/,=%+\"");
	members_are("newlineReplacement=+", "\"newlineReplacement\":\"+\"");
	members_are("newlineReplacement=\"\\%0a", "\"newlineReplacement\":\"\\\"\\\\\\n\"");
	members_are("embeddedDataIds=\xc3\xa4 b+%C3%A4",
	            "\"embeddedDataIds\":[\"\xc3\xa4 b\",\"\xc3\xa4\"]");
	refused("newlineReplacement=a=b", "%3D");
	refused("limit=5=6", "is no value of limit");
	refused("newlineReplacement=%", "is no value of newlineReplacement");
	refused("newlineReplacement=%2", "is no value");
	refused("newlineReplacement=%2g", "is no value");
	refused("newlineReplacement=%g2", "is no value");
	refused("newlineReplacement=%00", "is no value");
	refused("newlineReplacement=a%00b", "is no value");
	refused("newlineReplacement=%ff", "is no value");
	refused("newlineReplacement=\xc3", "is no value");
	refused("embeddedDataIds=a+%ED%A0%80", "is no value");
}

static void test_booleans_are_true_or_false(void **state)
{
	static const char *const names[] = { "useLabels=",      "useLabels=True",
		                             "useLabels=1",     "useLabels=yes",
		                             "useLabels=true ", "breakoutSets=FALSE" };

	(void)state;
	members_are("useLabels=false", "\"useLabels\":false");
	for (size_t i = 0; i < countof(names); i++)
		refused(names[i], "true or false");
}

static void test_numbers_are_whole(void **state)
{
	static const char *const names[] = {
		"seenUnansweredRecode=",
		"seenUnansweredRecode=x",
		"seenUnansweredRecode=1.5",
		"seenUnansweredRecode=+1",
		"seenUnansweredRecode= 1",
		"seenUnansweredRecode=1e3",
		"seenUnansweredRecode=0x1",
		"seenUnansweredRecode=2147483648",
		"seenUnansweredRecode=-2147483649",
	};

	(void)state;
	members_are("seenUnansweredRecode=-2147483648", "\"seenUnansweredRecode\":-2147483648");
	for (size_t i = 0; i < countof(names); i++)
		refused(names[i], "a whole number");
}

static void test_a_limit_is_above_zero(void **state)
{
	(void)state;
	members_are("limit=1", "\"limit\":1");
	members_are("limit=2147483647", "\"limit\":2147483647");
	refused("limit=0", "above 0");
	refused("limit=-1", "above 0");
	refused("limit=2147483648", "above 0");
}

static void test_lists(void **state)
{
	(void)state;
	members_are("questionIds=", "\"questionIds\":[]");
	members_are("questionIds=QID2+QID1", "\"questionIds\":[\"QID2\",\"QID1\"]");
	members_are("embeddedDataIds=a%2Bb+c%2Cd", "\"embeddedDataIds\":[\"a+b\",\"c,d\"]");
	refused("questionIds=+", "items with +");
	refused("questionIds=QID1+", "items with +");
	refused("questionIds=+QID1", "items with +");
	refused("questionIds=QID1++QID2", "items with +");
	refused("questionIds=QID1,QID2", "no parameter 'QID2'");
}

static void test_texts_are_not_empty(void **state)
{
	(void)state;
	refused("newlineReplacement=", "some text");
}

static void test_filters_have_ids(void **state)
{
	(void)state;
	refused("filterId=", "filter's id");
	refused("filterId=x123abcd-45ef-6789-abcd-ef0123456789", "filter's id");
	refused("filterId=0123abcd-45ef-6789-abcd-ef012345678", "filter's id");
	refused("filterId=0123abcd-45ef-6789-abcd-ef01234567890", "filter's id");
	refused("filterId=0123abcd045ef-6789-abcd-ef0123456789", "filter's id");
}

static void test_dates_are_moments_in_order(void **state)
{
	(void)state;
	refused("startDate=2026-01-15", "a moment, as 20260115T080000Z");
	refused("startDate=", "a moment");
	refused("endDate=2026-02-30T00:00:00Z", "a moment");
	refused("endDate=2026-02-03T00:00:00.000Z", "a moment");
	refused("endDate=20260115T080000Z,startDate=20260115T080000Z", "startDate is not before");
	refused("endDate=20260115T080000Z,startDate=20260115T090000+0030",
	        "startDate is not before");
	members_are("startDate=20260115T080000+0200,endDate=20260115T070000Z",
	            "\"startDate\":\"2026-01-15T06:00:00Z\",\"endDate\":\"2026-01-15T07:00:00Z\"");
}

static void test_all_zones_of_the_service_and_no_other(void **state)
{
	size_t n = 0;

	(void)state;
	for (const char *zone; (zone = param_zone_at(n)) != NULL; n++) {
		struct buf name = { 0 };
		char member[100];
		buf_add_str(&name, "timeZone=");
		buf_add_url(&name, zone);
		(void)snprintf(member, sizeof(member), "\"timeZone\":\"%s\"", zone);
		members_are(buf_text(&name), member);
		buf_done(&name);
	}
	assert_int_equal(n, 44); /* API.md 3.2 */
	refused("timeZone=America%2FToronto", "is no value of timeZone");
	refused("timeZone=Mars%2FOlympus_Mons_Base_Camp_7", "one of the service's time zones");
	refused("timeZone=CET", "is no value of timeZone");
	refused("timeZone=", "is no value of timeZone");
	refused("timeZone=europe%2Fberlin", "Did you mean timeZone=Europe%2FBerlin?");
	refused("timeZone=Europe%2FBerln", "Did you mean timeZone=Europe%2FBerlin?");
	refused("timeZone=Pacific", "A / is written %2F.");
}

static void test_utc_is_left_out(void **state)
{
	(void)state;
	members_are("timeZone=UTC", "");
	members_are("limit=5,timeZone=UTC,useLabels=true", "\"limit\":5,\"useLabels\":true");
	refused("timeZone=utc", "is no value");
	refused("timeZone=UTC,timeZone=UTC", "given twice");
}

static void test_what_the_tree_sets_itself(void **state)
{
	(void)state;
	refused("format=csv", "the file's ending says it");
	refused("compress=false", "unpacks");
	refused("allowContinuation=true", "by itself");
	refused("limit=5,continuationToken=abc", "continuationToken is not set here");
}

static void test_a_parameter_twice(void **state)
{
	(void)state;
	refused("limit=5,limit=5", "limit is given twice");
	refused("useLabels=true,limit=5,useLabels=false", "useLabels is given twice");
	refused("questionIds=,questionIds=QID1", "questionIds is given twice");
}

static void test_unknown_names_and_what_was_meant(void **state)
{
	(void)state;
	refused("uselabels=true", "Did you mean useLabels?");
	refused("USELABELS=true", "Did you mean useLabels?");
	refused("useLabel=true", "Did you mean useLabels?");
	refused("limt=5", "Did you mean limit?");
	refused("questionId=QID1", "Did you mean questionIds?");
	refused("lastResponseId=R_1", "exports have no parameter 'lastResponseId'");
	refused("xyzzy=5", "The README lists them.");
	refused("=true", "no parameter ''");
	refused(" limit=5", "no parameter ' limit'");
	refused("limit=5, useLabels=true", "no parameter ' useLabels'");
}

static void test_what_is_no_pair(void **state)
{
	(void)state;
	refused("", "is not KEY=VALUE");
	refused(",", "is not KEY=VALUE");
	refused("limit", "'limit' is not KEY=VALUE");
	refused("limit=5,", "is not KEY=VALUE");
	refused(",limit=5", "is not KEY=VALUE");
	refused("limit=5,,useLabels=true", "is not KEY=VALUE");
	refused("csv", "no parameter 'csv'");
}

static void test_parameters_that_exclude_each_other(void **state)
{
	(void)state;
	refused("useLabels=true,includeLabelColumns=true", "useLabels and includeLabelColumns");
	refused("sortByLastModifiedDate=true,filterId=" UUID, "filterId and sortByLastModified");
	members_are("useLabels=false,includeLabelColumns=true",
	            "\"useLabels\":false,\"includeLabelColumns\":true");
	members_are("filterId=" UUID ",sortByLastModifiedDate=false",
	            "\"filterId\":\"" UUID "\",\"sortByLastModifiedDate\":false");
}

static bool is_one_of(const char *typed, const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(typed, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Of every parameter: whether it is refused in the form, and what is said. */
static void suits_all_but(unsigned form, const char *words, const char *const names[], size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < countof(every); i++) {
		if (is_one_of(every[i].typed, names, n)) {
			refused_in(every[i].typed, form, words);
			count++;
		} else {
			members_in(every[i].typed, form, every[i].member);
		}
	}
	assert_int_equal(count, n);
}

static void test_json_takes_no_eight_of_them(void **state)
{
	static const char *const names[] = {
		"useLabels",
		"breakoutSets",
		"seenUnansweredRecode",
		"multiselectSeenUnansweredRecode",
		"includeDisplayOrder",
		"formatDecimalAsComma",
		"timeZone",
		"newlineReplacement",
	};

	(void)state;
	suits_all_but(PARAMS_JSON, "JSON does not take it", names, countof(names));
	refused_in("useLabels=false", PARAMS_JSON, "useLabels is not for this file");
	refused_in("timeZone=UTC", PARAMS_JSON, "timeZone is not for this file");
	refused_in("limit=5,breakoutSets=true", PARAMS_JSON, "breakoutSets is not for this file");
}

static void test_lines_are_joined_in_csv_and_tsv_only(void **state)
{
	static const char *const names[] = { "newlineReplacement" };

	(void)state;
	suits_all_but(PARAMS_XML_SAV, "only CSV and TSV take it", names, countof(names));
}

static void test_labels_files_set_labels_themselves(void **state)
{
	static const char *const names[] = { "useLabels", "includeLabelColumns" };

	(void)state;
	suits_all_but(PARAMS_LABELS, "a .labels. file", names, countof(names));
	refused_in("useLabels=true", PARAMS_LABELS | PARAMS_XML_SAV, "a .labels. file");
	refused_in("newlineReplacement=x", PARAMS_LABELS | PARAMS_XML_SAV, "only CSV and TSV");
}

static void test_unfinished_files_set_it_themselves(void **state)
{
	static const char *const names[] = { "exportResponsesInProgress" };

	(void)state;
	suits_all_but(PARAMS_UNFINISHED, "an .unfinished. file", names, countof(names));
}

static void test_workbooks_are_made_from_an_export_as_it_is(void **state)
{
	static const char *const names[] = {
		"useLabels", "includeLabelColumns", "formatDecimalAsComma",
		"timeZone",  "newlineReplacement",
	};

	(void)state;
	suits_all_but(PARAMS_WORKBOOK, "a workbook", names, countof(names));
}

static void test_a_name_of_any_length_is_refused_in_a_sentence(void **state)
{
	char name[4096];

	(void)state;
	for (size_t len = 20; len < sizeof(name); len += 13) {
		memset(name, 'x', len);
		name[len] = '\0';
		refused(name, "exports have no parameter 'xxx");
		memcpy(name, "useLabels=", 10);
		refused(name, "' is no value of useLabels");
		memcpy(name, "timeZone=x", 10);
		refused(name, "' is no value of timeZone");
	}
}

/* The README's table is compared with this by a lint: it names all, with their limits. */
static void test_the_help_names_everything(void **state)
{
	static const char *const lines[] = {
		"| `limit` | count | so many responses, the oldest |\n",
		"| `includeLabelColumns` | bool | a column of codes and one of texts; not in "
		".labels., xlsx; "
		"not with useLabels |\n",
		"| `newlineReplacement` | text | stands for line breaks within answers; not in "
		"json, "
		"ndjson, xml, sav, xlsx |\n",
		"| `format` | refused | the file's ending says it |\n",
		"\nTime zones: UTC, Pacific/Midway, ",
		", Pacific/Tongatapu.\n",
	};
	struct buf help = { 0 };

	(void)state;
	params_help(&help);
	for (size_t i = 0; i < countof(lines); i++)
		assert_non_null(strstr(buf_text(&help), lines[i]));
	for (size_t i = 0; i < countof(every); i++) {
		char row[64];
		(void)snprintf(row, sizeof(row), "| `%.*s` | ", (int)strcspn(every[i].typed, "="),
		               every[i].typed);
		assert_non_null(strstr(buf_text(&help), row));
	}
	buf_done(&help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_parameter_by_itself),
		cmocka_unit_test(test_any_two_in_either_order_give_the_same_bytes),
		cmocka_unit_test(test_spellings_of_a_value_give_the_same_bytes),
		cmocka_unit_test(test_dates_read_the_same_in_both_folders),
		cmocka_unit_test(test_what_a_name_cannot_hold_is_percent_encoded),
		cmocka_unit_test(test_booleans_are_true_or_false),
		cmocka_unit_test(test_numbers_are_whole),
		cmocka_unit_test(test_a_limit_is_above_zero),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_texts_are_not_empty),
		cmocka_unit_test(test_filters_have_ids),
		cmocka_unit_test(test_dates_are_moments_in_order),
		cmocka_unit_test(test_all_zones_of_the_service_and_no_other),
		cmocka_unit_test(test_utc_is_left_out),
		cmocka_unit_test(test_what_the_tree_sets_itself),
		cmocka_unit_test(test_a_parameter_twice),
		cmocka_unit_test(test_unknown_names_and_what_was_meant),
		cmocka_unit_test(test_what_is_no_pair),
		cmocka_unit_test(test_parameters_that_exclude_each_other),
		cmocka_unit_test(test_json_takes_no_eight_of_them),
		cmocka_unit_test(test_lines_are_joined_in_csv_and_tsv_only),
		cmocka_unit_test(test_labels_files_set_labels_themselves),
		cmocka_unit_test(test_unfinished_files_set_it_themselves),
		cmocka_unit_test(test_workbooks_are_made_from_an_export_as_it_is),
		cmocka_unit_test(test_a_name_of_any_length_is_refused_in_a_sentence),
		cmocka_unit_test(test_the_help_names_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
