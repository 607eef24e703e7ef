"""What several of these tests need."""

import csv
import io
import json
import zipfile

V3 = '/API/v3'
EMPTY, SMALL, CUSTOMERS, PANEL = ('SV_demoEmpty000001', 'SV_demoSmall000014', 'SV_demoCustomers02',
                                  'SV_demoPanel100000')
POOL = 'POOL_demoMain0000001'


def unzip(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return archive.read(archive.namelist()[0])


def parsed(data):
    return list(csv.reader(io.StringIO(data.decode(), newline='')))


def error(answer):
    status, _, body = answer
    return status, json.loads(body)['meta']['error'].get('errorCode')


def everything(box, path):
    """All elements and how long each page was, following nextPage on the same host."""
    elements, pages = [], []
    url = box.url + V3 + path
    while url:
        assert url.startswith(box.url)
        status, _, body = box.api('GET', url[len(box.url):])
        assert status == 200, body
        result = json.loads(body)['result']
        elements += result['elements']
        pages.append(len(result['elements']))
        url = result['nextPage']
    return elements, pages
